// Time and memory of loading the library, against pino, as an ES module and as CommonJS.

import { ask } from './child.js'

export const IMPORTS = {
  'import pino': ['import', 'pino'],
  'import spoor': ['import', '../dist/index.js'],
  'require pino': ['require', 'pino'],
  'require spoor': ['require', '../dist/index.cjs'],
}

/** results['import pino'] = { ms, heap, rss, total }, each with one value a round. */
export async function measureImports(names, { rounds }, tell) {
  const results = Object.fromEntries(names.map((name) => [name, { ms: [], heap: [], rss: [], total: [] }]))
  // Round -1 fills the page cache and is thrown away.
  for (let round = -1; round < rounds; round++) {
    tell(`import ${round + 1}/${rounds}`)
    for (let k = 0; k < names.length; k++) {
      const name = names[(k + Math.max(0, round)) % names.length]
      const figures = await ask('import-one.js', IMPORTS[name], { execArgv: ['--expose-gc'] })
      if (round < 0) continue
      for (const key of Object.keys(results[name])) results[name][key].push(figures[key])
    }
  }
  return results
}
