import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'

const script = fileURLToPath(new URL('../../scripts/layers.js', import.meta.url))
const made: string[] = []

afterEach(() => {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true })
})

function check(files: Record<string, string>): { code: number | null; errors: string; out: string } {
  const dir = mkdtempSync(join(tmpdir(), 'spoor-layers-'))
  made.push(dir)
  for (const [name, text] of Object.entries(files)) {
    const file = join(dir, 'src', name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
  const done = spawnSync(process.execPath, [script, join(dir, 'src')], { encoding: 'utf8' })
  return { code: done.status, errors: done.stderr, out: done.stdout }
}

describe('scripts/layers.js', () => {
  it('lets imports pass that follow the arrows', () => {
    const { code, errors, out } = check({
      'config/env.ts': 'export const a = 1',
      'context/scope.ts': "import { a } from '../config/env.ts'\nexport const b = a",
      'logger/logger.ts':
        "import { b } from '../context/scope.ts'\nimport pino from 'pino'\nexport { b, pino }",
      'index.ts': "export { b } from './logger/logger.ts'",
    })
    expect({ code, errors, out }).toEqual({ code: 0, errors: '', out: 'layers: clean\n' })
  })

  it.each([
    ['an import', "import { a } from '../logger/a.ts'"],
    ['a type-only import', "import type { A } from '../logger/a.ts'"],
    ['a re-export', "export { a } from '../logger/a.ts'"],
    ['an import()', "export const a = () => import('../logger/a.ts')"],
    ['a type import()', "export type T = import('../logger/a.ts').A"],
  ])('names file, line and arrow of %s against the arrows, and says what to do', (_what, text) => {
    const { code, errors } = check({
      'logger/a.ts': 'export const a = 1\nexport type A = 1',
      'context/b.ts': `// one\n// import { a } from '../logger/in-a-comment.ts'\n${text}`,
    })
    expect(code).toBe(1)
    expect(errors.trim().split('\n')).toHaveLength(1)
    expect(errors).toContain(
      "src/context/b.ts:3: context/ -> logger/ ('../logger/a.ts') goes against the arrows: context/ may import config.",
    )
    expect(errors).toContain('Hand what is needed in as an argument')
  })

  it('finds a circle inside one room and shows the way round', () => {
    const { code, errors } = check({
      'logger/a.ts': "import './b.ts'",
      'logger/b.ts': "import './c.ts'",
      'logger/c.ts': "import type { X } from './a.ts'",
    })
    expect(code).toBe(1)
    expect(errors).toContain('logger/a.ts -> logger/b.ts -> logger/c.ts -> logger/a.ts')
    expect(errors).toContain('src/logger/c.ts:1')
  })

  it('refuses a room without arrows, a file that is not there and a way back to index.ts', () => {
    const { code, errors } = check({
      'index.ts': 'export {}',
      'attic/a.ts': "import '../config/b.ts'",
      'config/b.ts': "import './gone.ts'",
      'logger/c.ts': "import '../index.ts'",
    })
    expect(code).toBe(1)
    expect(errors).toContain('src/attic/a.ts:1: the room attic/ has no arrows')
    expect(errors).toContain("src/config/b.ts:1: './gone.ts' is no file below src")
    expect(errors).toContain("src/logger/c.ts:1: logger/ imports '../index.ts'")
  })

  it('holds for this repository', () => {
    const done = spawnSync(process.execPath, [script], { encoding: 'utf8' })
    expect(done.stderr).toBe('')
    expect(done.status).toBe(0)
  })
})
