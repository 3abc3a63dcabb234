import { execFileSync } from 'node:child_process'
import { delimiter, dirname } from 'node:path'

/** The majors of Node that spoor is tested on; the first is the oldest that it supports. */
export const majors = [20, 22, 24, 26]

/** Path of the newest Node of that major, by the npm package called node; the running one where it fits. */
export function nodeBinary(major) {
  if (Number(process.versions.node.split('.')[0]) === major) return process.execPath
  const args = ['-y', `node@${major}`, '-p', 'process.execPath']
  return execFileSync('npx', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
}

/** An environment in which `node` is that binary, for whatever a test starts. */
export function withNode(binary) {
  return { ...process.env, PATH: `${dirname(binary)}${delimiter}${process.env.PATH}` }
}
