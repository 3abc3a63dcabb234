import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ts from 'typescript'

/**
 * Writes src/context and src/config as plain JavaScript into a new folder, to be loaded where vitest's transform
 * does not reach: worker threads, child processes, a CommonJS copy. Returns the folder.
 */
export function transpiled(kind: 'module' | 'commonjs'): string {
  const folder = mkdtempSync(join(tmpdir(), `spoor-${kind}-`))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: kind }))
  for (const room of ['context', 'config']) {
    const source = new URL(`../../src/${room}/`, import.meta.url)
    mkdirSync(join(folder, room))
    for (const name of readdirSync(source)) {
      const { outputText } = ts.transpileModule(readFileSync(new URL(name, source), 'utf8'), {
        compilerOptions: {
          target: ts.ScriptTarget.ES2022,
          module: kind === 'module' ? ts.ModuleKind.ESNext : ts.ModuleKind.CommonJS,
          rewriteRelativeImportExtensions: true,
          verbatimModuleSyntax: kind === 'module',
        },
      })
      writeFileSync(join(folder, room, name.replace(/\.ts$/, '.js')), outputText)
    }
  }
  return folder
}
