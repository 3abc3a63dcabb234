// Checks that imports inside src follow the arrows of docs/decisions and CONTRIBUTING.md, and that none go in a
// circle. Type-only imports count too. Usage: node scripts/layers.js [folder, default src]
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import ts from 'typescript'

const types = ['logger', 'context', 'config', 'transports']

/** Room -> the rooms that it may import from, beside itself. */
export const arrows = {
  config: [],
  context: ['config'],
  segments: ['config'],
  policy: ['segments', 'config'],
  shipping: ['segments', 'config'],
  transports: ['segments', 'shipping', 'config'],
  logger: ['context', 'policy', 'transports', 'config'],
  middleware: types,
  observe: types,
  pino: types,
  testing: types,
  stack: ['config'],
  cli: ['segments', 'stack', 'shipping', 'policy', 'config', 'observe', 'transports', 'logger', 'context'],
}

/** Every import, re-export, import() and import type of a file: what it names, and on which line. */
function importsOf(file) {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true)
  const found = []
  const add = (node) => {
    if (node !== undefined && ts.isStringLiteralLike(node)) {
      found.push({
        name: node.text,
        line: source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1,
      })
    }
  }
  const visit = (node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node.moduleSpecifier)
    else if (ts.isImportTypeNode(node)) add(node.argument.literal)
    else if (ts.isImportEqualsDeclaration(node) && ts.isExternalModuleReference(node.moduleReference))
      add(node.moduleReference.expression)
    else if (ts.isCallExpression(node) && isLoad(node.expression)) add(node.arguments[0])
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function isLoad(callee) {
  return callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === 'require')
}

/**
 * Reads every .ts file below `src` and returns the complaints, one text each; empty where all is well.
 */
export function check(src) {
  const files = readdirSync(src, { recursive: true })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(src, name))
    .sort()
  const known = new Set(files)
  const complaints = []
  const graph = new Map()
  for (const file of files) {
    const edges = []
    graph.set(file, edges)
    for (const found of importsOf(file)) {
      if (!found.name.startsWith('.')) continue
      const target = resolve(dirname(file), found.name)
      const at = `${relative(dirname(src), file)}:${found.line}`
      if (!known.has(target)) {
        complaints.push(
          `${at}: '${found.name}' is no file below ${relative(dirname(src), src)}; write the path with its .ts`,
        )
        continue
      }
      edges.push({ target, at })
      const complaint = wrongArrow(roomOf(src, file), roomOf(src, target), found.name, at)
      if (complaint !== undefined) complaints.push(complaint)
    }
  }
  return [...complaints, ...cycles(src, graph)]
}

/** The folder right below src, or undefined for the files that lie in src itself. */
function roomOf(src, file) {
  const parts = relative(src, file).split(sep)
  return parts.length > 1 ? parts[0] : undefined
}

function wrongArrow(from, to, name, at) {
  if (from === undefined || from === to) return undefined
  if (arrows[from] === undefined)
    return `${at}: the room ${from}/ has no arrows; add it to scripts/layers.js and to CONTRIBUTING.md`
  if (to === undefined)
    return `${at}: ${from}/ imports '${name}': index.ts is for users of the package; import the room's own file`
  if (arrows[from].includes(to)) return undefined
  const may = arrows[from].length === 0 ? 'nothing' : arrows[from].join(', ')
  return (
    `${at}: ${from}/ -> ${to}/ ('${name}') goes against the arrows: ${from}/ may import ${may}. ` +
    `Hand what is needed in as an argument, or move the shared part to a room that both may import`
  )
}

function cycles(src, graph) {
  const done = new Set()
  const complaints = []
  const walk = (file, path) => {
    const start = path.findIndex((step) => step.file === file)
    if (start >= 0) {
      const ring = path.slice(start)
      const way = [...ring.map((step) => relative(src, step.file)), relative(src, file)].join(' -> ')
      complaints.push(
        `${ring.at(-1).at}: imports go in a circle: ${way}. Move what both need to a third file`,
      )
      return
    }
    if (done.has(file)) return
    for (const edge of graph.get(file)) walk(edge.target, [...path, { file, at: edge.at }])
    done.add(file)
  }
  for (const file of graph.keys()) walk(file, [])
  return complaints
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const src = resolve(process.argv[2] ?? fileURLToPath(new URL('../src', import.meta.url)))
  const complaints = check(src)
  for (const complaint of complaints) console.error(complaint)
  console.log(`layers: ${complaints.length === 0 ? 'clean' : `${complaints.length} wrong`}`)
  if (complaints.length > 0) process.exitCode = 1
}
