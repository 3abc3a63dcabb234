// The cost of a record: first every contender's line is read back and checked, then the rounds are run with
// the contenders interleaved, each in a fresh process.

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { cases } from './cases.js'
import { ask } from './child.js'
import { countLines, readLines } from './figures.js'

const run = (folder, spec) => {
  const path = join(folder, 'records.log')
  rmSync(path, { force: true })
  const args = [JSON.stringify({ level: 'info', path, ...spec })]
  return ask('measure.js', args, { stdout: path, execArgv: ['--expose-gc'] })
}

/** Fails unless each contender writes three valid lines that carry everything the case asks for. */
export async function verifyRecords(folder, names) {
  for (const name of names) {
    const theCase = cases[name]
    if (theCase.expect === undefined) continue
    for (const contender of theCase.contenders.filter((one) => one !== 'nothing')) {
      const { scope } = await run(folder, { case: name, contender, verify: true })
      const lines = readLines(join(folder, 'records.log')).filter((line) =>
        line.includes(theCase.expect(0).msg),
      )
      if (lines.length !== 3) throw new Error(`${name}, ${contender}: ${lines.length} lines for 3 records`)
      lines.forEach((line, i) => {
        check(`${name}, ${contender}`, JSON.parse(line), { ...theCase.expect(i), ...scope })
      })
    }
  }
}

// Peers nest and name things in their own ways: a field counts as there if its key, at any depth, has its value.
function check(who, record, expected) {
  const found = new Map()
  const walk = (value, key) => {
    if (value !== null && typeof value === 'object') for (const k of Object.keys(value)) walk(value[k], k)
    else found.set(key, [...(found.get(key) ?? []), value])
  }
  walk(record, '')
  for (const [key, value] of Object.entries(expected)) {
    const keys = key === 'msg' ? ['msg', 'message'] : [key]
    if (!keys.some((one) => found.get(one)?.includes(value)))
      throw new Error(`${who}: the line has no ${key}: ${value}\n${JSON.stringify(record)}`)
  }
  if (!['time', '@timestamp', 'timestamp', 'date'].some((key) => found.has(key)))
    throw new Error(`${who}: no time\n${JSON.stringify(record)}`)
  if (!found.has('level')) throw new Error(`${who}: no level\n${JSON.stringify(record)}`)
}

/** results[case][contender] = { ns: [one a round], cpu: [...], lost } */
export async function measureRecords(folder, names, sizes, tell) {
  const results = {}
  for (const name of names) {
    const { contenders, key } = cases[name]
    const times = key ? sizes.keyRounds : sizes.rounds
    // Targets hang on the key cases: the optimising compiler is done with each contender before it is timed.
    const warmMs = key ? sizes.keyWarmMs : sizes.warmMs
    const ms = key ? sizes.keyMs : sizes.ms
    const of = Object.fromEntries(contenders.map((one) => [one, { ns: [], cpu: [], lost: 0 }]))
    results[name] = of
    for (let round = 0; round < times; round++) {
      tell(`${name} ${round + 1}/${times}`)
      // Turned round by round, so that nobody always follows the same neighbour.
      for (let k = 0; k < contenders.length; k++) {
        const contender = contenders[(k + round) % contenders.length]
        const { ns, cpu, records } = await run(folder, { case: name, contender, warmMs, ms })
        of[contender].ns.push(ns)
        of[contender].cpu.push(cpu)
        if (records > 0 && contender !== 'nothing')
          of[contender].lost += Math.max(0, records - (await countLines(join(folder, 'records.log'))))
      }
    }
  }
  rmSync(join(folder, 'records.log'), { force: true })
  return results
}
