// The targets of shipping.

import { ratio, spread } from './figures.js'

const FILE = 'spoor file'
/** The outage that a backlog stands for comes at 5,000 records a second. */
const BACKLOG_PER_SECOND = 5000

export function shipTargets({ flood = {}, scoped = {}, service = {}, latency, backlog = {} }) {
  return [
    fileTarget('ship', flood.loki),
    ...Object.entries(flood).flatMap(([backend, part]) => peerTargets(backend, part)),
    fileTarget('ship, in a request', scoped.loki),
    ...scopedTargets(scoped.loki),
    lostTarget(
      'ship: records of spoor lost',
      Object.values(flood).map((part) => part.spoor),
    ),
    lostTarget(
      'ship: records of spoor lost in an outage',
      Object.values(service).map((part) => part.spoor?.down),
    ),
    delayTarget(service.loki),
    latency && {
      what: 'ship: p99 from the call to the answer, ms',
      value: spread(latency.p99),
      limit: 2000,
      better: 'less',
    },
    ...backlogTargets(backlog),
  ]
}

function fileTarget(where, part) {
  if (!part?.spoor || !part[FILE]) return undefined
  const value = ratio(part.spoor.main, part[FILE].main)
  return {
    what: `${where}: spoor to Loki / ${FILE}, CPU of the calling thread`,
    value,
    limit: 1.1,
    better: 'less',
  }
}

const peersIn = (part) => Object.keys(part).filter((name) => name !== 'spoor' && name !== FILE)

const threadTarget = (where, part, name, limit) => ({
  what: `${where}: ${name} / spoor, CPU of the calling thread`,
  value: ratio(part[name].main, part.spoor.main),
  limit,
  better: 'more',
})

/** What a request waits for; the rest of the thread's cost comes at the end of the turn, and from the collector. */
const callTarget = (where, part, name) => ({
  what: `${where}: ${name} / spoor, time in the calls`,
  value: ratio(part[name].calls, part.spoor.calls),
  better: 'more',
})

const scopedTargets = (part) =>
  part?.spoor
    ? peersIn(part).flatMap((name) => [
        threadTarget('ship, in a request', part, name, 5),
        callTarget('ship, in a request', part, name),
      ])
    : []

/** What the issue promises is against those for Loki. */
function peerTargets(backend, part) {
  if (!part.spoor) return []
  const limits = backend === 'loki' ? { main: 5, perSecond: 2 } : {}
  return peersIn(part).flatMap((name) => [
    threadTarget('ship', part, name, limits.main),
    callTarget('ship', part, name),
    {
      what: `ship: spoor / ${name}, calls/s`,
      value: ratio(part.spoor.callsPerSecond, part[name].callsPerSecond),
      better: 'more',
    },
    {
      what: `ship: spoor / ${name}, records/s that arrive`,
      value: ratio(part.spoor.perSecond, part[name].perSecond),
      limit: limits.perSecond,
      better: 'more',
    },
  ])
}

function lostTarget(what, parts) {
  const lost = parts.flatMap((part) => part?.lost ?? [])
  return lost.length === 0 ? undefined : { what, value: spread(lost), limit: 0, better: 'less' }
}

function delayTarget(part) {
  const ours = part?.spoor?.calm
  const file = part?.[FILE]?.calm
  if (!ours || !file) return undefined
  return {
    what: `ship: spoor to Loki / ${FILE}, p99 of the loop's delay`,
    value: ratio(ours.p99, file.p99),
    better: 'less',
  }
}

function backlogTargets(backlog) {
  return Object.entries(backlog).map(([name, { perSecond, share }]) => ({
    what: share
      ? `ship: a backlog to ${name}: of that limit`
      : `ship: a backlog to ${name}: x ${BACKLOG_PER_SECOND} records/s`,
    value: spread(share ?? perSecond.map((one) => one / BACKLOG_PER_SECOND)),
    limit: share ? 0.8 : 5,
    better: 'more',
  }))
}
