import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { allVariables } from '../../src/config/identity-variables.ts'

const root = join(import.meta.dirname, '../..')
const page = join(root, 'docs/configuration.md')
const directory = mkdtempSync(join(tmpdir(), 'spoor-docs-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function docs(...args: string[]) {
  return spawnSync(process.execPath, [join(root, 'scripts/docs-config.js'), ...args], { encoding: 'utf8' })
}

it('is up to date', () => {
  const { status, stderr } = docs('--check')
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})

it('has a row for each variable', () => {
  const text = readFileSync(page, 'utf8')
  for (const { name } of allVariables()) expect(text).toMatch(new RegExp(`^\\| \`${name}\` +\\|`, 'm'))
})

it('is found out where it is not, and put right', () => {
  const copy = join(directory, 'configuration.md')
  copyFileSync(page, copy)
  writeFileSync(copy, readFileSync(copy, 'utf8').replace('| 100MB  ', '| 10MB  '))
  expect(docs('--check', copy)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('docs-config.js'),
  })
  expect(docs(copy).status).toBe(0)
  expect(readFileSync(copy, 'utf8')).toBe(readFileSync(page, 'utf8'))
})
