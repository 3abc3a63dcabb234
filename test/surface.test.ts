import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

// An export is a decision: whoever adds or takes away a name of any subpath changes surface.snap.md with it
// (npx vitest run test/surface.test.ts -u). Needs a build.

const root = fileURLToPath(new URL('..', import.meta.url))

type Target = { types: string; default: string }
type Exports = Record<string, string | Target | { import: Target; require: Target }>

const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: Exports }

const subpaths = Object.entries(exports).flatMap(([name, to]) => {
  if (typeof to === 'string') return []
  return [{ name, ...('import' in to ? to : { import: to, require: to }) }]
})

/** The names that a process sees which imports (or requires) the file. */
function loaded(file: string, how: 'import' | 'require'): string[] {
  const path = JSON.stringify(join(root, file))
  const load =
    how === 'import'
      ? `const m = await import(${path})`
      : `import { createRequire } from 'node:module'; const m = createRequire(${path})(${path})`
  const code = `${load}; const own = typeof m === 'function' ? ['()'] : []
    console.log(JSON.stringify([...own, ...Object.keys(m)].sort()))`
  const done = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' })
  if (done.status !== 0) throw new Error(done.stderr)
  return JSON.parse(done.stdout) as string[]
}

const files = subpaths.flatMap((subpath) => [subpath.import.types, subpath.require.types])
const program = ts.createProgram(
  files.map((file) => join(root, file)),
  {
    module: ts.ModuleKind.Node16,
    moduleResolution: ts.ModuleResolutionKind.Node16,
    noEmit: true,
    types: ['node'],
  },
)

/** The names that a declaration file exports: values and types. */
function declared(file: string): { values: string[]; types: string[] } {
  const checker = program.getTypeChecker()
  const source = program.getSourceFile(join(root, file))
  const symbol = source && checker.getSymbolAtLocation(source)
  if (symbol === undefined) throw new Error(`${file} exports nothing`)
  const values: string[] = []
  const types: string[] = []
  for (const found of checker.getExportsOfModule(symbol)) {
    const real = found.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(found) : found
    const isValue =
      (real.flags & ts.SymbolFlags.Value) !== 0 &&
      !ts.isTypeOnlyImportOrExportDeclaration(declarationOf(found))
    if (isValue) values.push(found.name)
    else types.push(found.name)
  }
  return { values: values.sort(), types: types.sort() }
}

function declarationOf(symbol: ts.Symbol): ts.Node {
  const node = symbol.declarations?.[0]
  if (node === undefined) throw new Error(`${symbol.name} is declared nowhere`)
  return node
}

describe('the public surface', () => {
  it('is what surface.snap.md says, for every subpath', async () => {
    const text = subpaths
      .map(({ name, import: esm, require: cjs }) => {
        const types = declared(esm.types)
        return [
          `## ${join('spoor', name)}`,
          `- ESM: ${loaded(esm.default, 'import').join(' ')}`,
          `- CommonJS: ${loaded(cjs.default, 'require').join(' ')}`,
          `- declared values: ${types.values.join(' ')}`,
          `- declared types: ${types.types.join(' ')}`,
          '',
        ].join('\n')
      })
      .join('\n')
    await expect(`# The public surface\n\n${text}`).toMatchFileSnapshot('surface.snap.md')
  })

  it.each(subpaths)('declares the same names for ESM and CommonJS: $name', (subpath) => {
    expect(declared(subpath.require.types)).toEqual(declared(subpath.import.types))
  })
})
