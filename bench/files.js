// A million records into files that rotate every 10 MB, against winston-daily-rotate-file: records a second
// until the last byte is with the operating system, and the records then found on disk.

import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ask } from './child.js'
import { countFolder } from './figures.js'

/** results.spoor = { perSecond, found, files }, each with one value a round. */
export async function measureFiles(folder, libraries, { rounds, records }, tell) {
  const results = Object.fromEntries(
    libraries.map((one) => [one, { perSecond: [], found: [], files: [], records }]),
  )
  for (let round = 0; round < rounds; round++)
    for (const library of round % 2 ? libraries.toReversed() : libraries) {
      tell(`files ${library} ${round + 1}/${rounds}`)
      const into = join(folder, `files-${library}`)
      mkdirSync(into)
      const { from, until } = await ask('files-one.js', [library, into, records])
      const of = results[library]
      of.perSecond.push((records * 1000) / (until - from))
      of.found.push(await countFolder(into))
      of.files.push(readdirSync(into).filter((name) => !name.startsWith('.')).length)
      rmSync(into, { recursive: true })
    }
  return results
}
