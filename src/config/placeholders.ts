import { basename, extname } from 'node:path'
import { optionError } from './errors.ts'

const PLACEHOLDER = /\{([^{}/]*)\}/g
const EXPECTED = 'a path in which only {pid} and {instance} stand in braces'

/** A path whose placeholders have been filled in. */
export interface ExpandedPath {
  readonly path: string
  /** What the names of all processes' files look like, without extension; undefined where there is one name. */
  readonly stem: RegExp | undefined
}

const OWN = '\0'

/**
 * Fills in `{pid}` (the process; in a worker thread `pid-thread`) and `{instance}` (the first of
 * NODE_APP_INSTANCE, WORKER_ID and MACHINE_ID that is set, else 0), for places where processes can't share a file.
 *
 * @throws TypeError ERR_SPOOR_OPTION for any other name in braces
 */
export function expandPath(path: string, env: NodeJS.ProcessEnv, option: string): ExpandedPath {
  const template = path.replace(PLACEHOLDER, (whole, name: string) => {
    if (name === 'instance') return instanceOf(env)
    if (name !== 'pid') throw optionError({ option, value: whole, expected: EXPECTED })
    return OWN
  })
  const name = basename(template, extname(template))
  return {
    path: template.includes(OWN) ? template.replaceAll(OWN, processName()) : template,
    stem: name.includes(OWN) ? patternOf(name) : undefined,
  }
}

function patternOf(name: string): RegExp {
  const literal = (part: string): string => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
  return new RegExp(name.split(OWN).map(literal).join('\\d+(?:-\\d+)?'))
}

function processName(): string {
  const { isMainThread, threadId } = process.getBuiltinModule('node:worker_threads')
  return isMainThread ? String(process.pid) : `${process.pid}-${threadId}`
}

function instanceOf(env: NodeJS.ProcessEnv): string {
  const name = [env.NODE_APP_INSTANCE, env.WORKER_ID, env.MACHINE_ID].find(
    (one) => one !== undefined && one !== '',
  )
  return (name ?? '0').replace(/[^\w.-]/g, '_')
}
