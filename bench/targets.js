// The targets that this benchmark answers for: each a figure made of the results, what it has to be, and what
// else it says. A figure whose parts were not measured in this run is left out.

import { BARE, REDACTING } from './contenders.js'
import { median, ratio, spread } from './figures.js'
import { shipTargets } from './ship-targets.js'

const of = (records, name, contender, key = 'ns') => records[name]?.[contender]?.[key]

/** The bare pino that was fastest in this case of this run. */
export function fastestBare(records, name) {
  const there = BARE.filter((one) => of(records, name, one))
  return there.sort((a, b) => median(of(records, name, a)) - median(of(records, name, b)))[0]
}

const less = (values, floor) => values.map((value) => value - median(floor))

function recordTargets(records) {
  const against = (name, contender, limit, note) => {
    const ours = of(records, name, 'spoor')
    const theirs = of(records, name, contender)
    if (!ours || !theirs) return undefined
    const cpu = ratio(of(records, name, 'spoor', 'cpu'), of(records, name, contender, 'cpu'))
    const what = `${name}: spoor / ${contender}`
    return { what, value: ratio(ours, theirs), cpu, limit, better: 'less', note }
  }
  const bare = (name) => fastestBare(records, name)
  return [
    against('in-request', bare('in-request'), 0.45, 'a bare record through its fastest destination'),
    against('in-request', 'pino-mixin', 0.15, 'default destination, mixin'),
    against('in-request', 'pino-mixin-4096', undefined, 'the same through its fast destination'),
    against('in-request', 'pino-mixin-redact-iso', undefined, 'mixin, redact, isoTime'),
    against('in-request', 'winston', 0.2),
    against('in-request', REDACTING, 0.1, 'the same keys by paths at three depths'),
    against('in-request', 'spoor-open', undefined, 'what redaction costs'),
    against('ten-fields', bare('ten-fields'), 0.55),
    against('ten-fields', REDACTING, undefined, 'the same keys by paths at three depths'),
    ...['ten-fields', 'texts', 'nested', 'long', 'error'].map((name) =>
      against(name, 'spoor-open', undefined, 'what redaction costs'),
    ),
    against('otel', 'pino-mixin-otel', undefined, 'the span from an SDK, in both'),
    firstTarget(records),
    offTarget(records),
    ...flatTargets(records),
  ]
}

function firstTarget(records) {
  const run = of(records, 'run', 'nothing')
  const ours = of(records, 'first', 'spoor')
  const bare = of(records, 'first', fastestBare(records, 'first'))
  if (!run || !ours || !bare) return undefined
  const cpu = ratio(
    less(of(records, 'first', 'spoor', 'cpu'), run),
    of(records, 'first', fastestBare(records, 'first'), 'cpu'),
  )
  const note = `run() apart: ${median(run).toFixed(0)} ns; ids apart: ${median(of(records, 'ids', 'nothing')).toFixed(0)} ns`
  const what = `first record of a scope: (spoor - run) / ${fastestBare(records, 'first')}`
  return { what, value: ratio(less(ours, run), bare), cpu, limit: 1.6, better: 'less', note }
}

function offTarget(records) {
  const ours = of(records, 'off', 'spoor')
  const theirs = of(records, 'off', 'pino-4096-sync')
  if (!ours || !theirs) return undefined
  const value = spread(ours.map((ns, round) => ns - theirs[round]))
  const note = `spoor ${median(ours).toFixed(2)} ns, pino ${median(theirs).toFixed(2)} ns, the loop ${median(of(records, 'off', 'nothing')).toFixed(2)} ns`
  return { what: 'level off: spoor - pino, ns', value, limit: 2, better: 'less', note }
}

function flatTargets(records) {
  const targets = []
  const many = of(records, 'scope-50', 'spoor')
  if (many) {
    const growth = (one) => median(of(records, 'scope-50', one)) - median(of(records, 'scope-1', one))
    targets.push({
      what: '1 to 50 scope fields: growth of spoor / growth of pino-child',
      value: spread([growth('spoor') / growth('pino-child')]),
      limit: 1.2,
      better: 'less',
      note: 'a child made by hand has its text ready too: what grows is the copying of the bytes',
    })
  }
  for (const n of [100, 10_000, 100_000]) {
    if (!of(records, `live-${n}`, 'spoor') || !of(records, 'live-1', 'spoor')) continue
    const net = (name, key) => less(of(records, name, 'spoor', key), of(records, name, 'nothing', key))
    targets.push({
      what: `${n.toLocaleString('en')} live scopes / 1 live scope`,
      value: ratio(net(`live-${n}`, 'ns'), net('live-1', 'ns')),
      cpu: ratio(net(`live-${n}`, 'cpu'), net('live-1', 'cpu')),
      limit: 1.5,
      better: 'less',
      note: 'entering the scope subtracted; what grows is the misses of the processor cache',
    })
  }
  return targets
}

function httpTargets(http) {
  const compare = (framework, other, [perSecond, p99]) => {
    const ours = http[`${framework} spoor`]
    const theirs = http[`${framework} ${other}`]
    if (!ours || !theirs) return []
    const what = `HTTP ${framework}: spoor / ${other}`
    return [
      {
        what: `${what}, requests/s`,
        value: ratio(ours.perSecond, theirs.perSecond),
        limit: perSecond,
        better: 'more',
      },
      { what: `${what}, p99`, value: ratio(ours.p99, theirs.p99), limit: p99, better: 'less' },
    ]
  }
  return [
    ...compare('express', 'pino-http', [1.2, 1.05]),
    ...compare('express', 'pino-http-4096', []),
    ...compare('express', 'none', []),
    ...compare('fastify', 'fastify-mixin', [1, 1.05]),
    ...compare('fastify', 'fastify-mixin-4096', []),
    ...compare('fastify', 'none', []),
  ]
}

function importTargets(imports) {
  return ['import', 'require'].flatMap((how) => {
    const ours = imports[`${how} spoor`]
    const theirs = imports[`${how} pino`]
    if (!ours || !theirs) return []
    const of = (key, what, limit) => ({
      what: `${how}: spoor / pino, ${what}`,
      value: ratio(ours[key], theirs[key]),
      limit,
      better: 'less',
    })
    return [
      of('ms', 'time', 1.15),
      of('total', "the process's memory after it", 1.15),
      of('rss', "the memory's growth"),
      of('heap', "the heap's growth"),
    ]
  })
}

// How a part of the files names itself in a target.
const FILES = { plain: 'files', gzip: 'files with gzip' }

/** Records of spoor lost, doubled or broken, round by round. */
const wrong = ({ lost, doubled, broken }) => lost.map((one, round) => one + doubled[round] + broken[round])

function filesTargets(files) {
  const against = (part, other, key, limit, note) => {
    const ours = files[part]?.spoor
    const theirs = files[part]?.[other]
    if (!ours || !theirs) return undefined
    const what = `${FILES[part]}: spoor / ${other}, records/s`
    // By CPU time the other way round, so that more is better there as well.
    return {
      what,
      value: ratio(ours[key], theirs[key]),
      cpu: ratio(theirs.cpu, ours.cpu),
      limit,
      better: 'more',
      note,
    }
  }
  const daily = 'winston-daily-rotate-file'
  const caller = "the caller's side"
  return [
    against('plain', daily, 'perSecond', 3),
    against('plain', 'rotating-file-stream', 'perSecond', 30),
    against('plain', 'pino-roll', 'callsPerSecond', 1, caller),
    cpuTarget(files.plain, 'pino-roll'),
    against('gzip', daily, 'callsPerSecond', undefined, caller),
    against('gzip', daily, 'perSecond', undefined, 'to the end of the compression'),
    against('gzip', 'rotating-file-stream', 'perSecond', undefined, 'to the end of the compression'),
    ...delayTargets(files),
    ...['plain', 'gzip'].map((part) =>
      noneTarget(`${FILES[part]}: records of spoor lost, doubled or broken`, files[part]),
    ),
    noneTarget('files: the same after process.exit', files.exit),
  ]
}

function cpuTarget(plain, other) {
  if (!plain?.spoor || !plain[other]) return undefined
  const value = ratio(plain.spoor.cpu, plain[other].cpu)
  return { what: `files: spoor / ${other}, total CPU time`, value, limit: 1, better: 'less' }
}

function noneTarget(what, part) {
  if (!part?.spoor) return undefined
  return { what, value: spread(wrong(part.spoor)), limit: 0, better: 'less' }
}

function delayTargets({ delayPlain, delayGzip }) {
  const plain = delayPlain?.spoor
  const packed = delayGzip?.spoor
  if (!plain || !packed) return []
  const of = (key, what, limit) => ({
    what: `files: spoor compressing / not, ${what}`,
    value: ratio(packed[key], plain[key]),
    limit,
    better: 'less',
  })
  return [
    of('p99', "p99 of the loop's delay", 1.2),
    of('max', 'its maximum'),
    of('gapP99', "p99 of a timer's gaps"),
    of('gapMax', 'their maximum'),
  ]
}

/** [{ what, value: { median, min, max }, cpu?, limit?, better, met?, note? }]; `cpu` is the same by CPU time. */
export function targets({ records = {}, http = {}, imports = {}, files = {}, ship = {} }) {
  return [
    ...recordTargets(records),
    ...httpTargets(http),
    ...importTargets(imports),
    ...filesTargets(files),
    ...shipTargets(ship),
  ]
    .filter(Boolean)
    .map((one) => {
      if (one.limit === undefined) return one
      const met = one.better === 'less' ? one.value.median <= one.limit : one.value.median >= one.limit
      return { ...one, met }
    })
}
