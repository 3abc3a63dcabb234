// What is measured. A case is one call, written as a user writes it in both argument orders; `expect` is what
// the verification pass must find on record i of every contender before anything is timed.

import { BARE, REDACTING, SCOPED } from './contenders.js'

export const SCOPE = {
  request_id: '0f8fad5b-d9cb-469f-a165-70867728950e',
  user_id: 'u-1042',
  trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
  span_id: '00f067aa0ba902b7',
}

const LONG = `${'A message of one kilobyte, as people make them of bodies. '.repeat(18)}`.slice(0, 1024)

const nested = (i) => ({
  order: { id: i, customer: { id: 'c-77', address: { city: 'Nairobi', zip: '00100' } }, items: [1, 2, 3] },
})

const ten = (i) => ({
  order_id: i,
  total: 9.5,
  currency: 'EUR',
  items: 3,
  express: true,
  warehouse: 'ams-2',
  carrier: 'post',
  coupon: null,
  attempt: 1,
  channel: 'web',
})

// What a search for secrets has to read: paths, ids, a URL, a sentence, none of them a secret.
const texts = (i) => ({
  order_id: i,
  path: `/api/v1/orders/${i}/items`,
  customer: '0f8fad5b-d9cb-469f-a165-70867728950e',
  url: `https://api.example.com/v1/orders?page=${i}&size=10`,
  note: `left at the door of number ${i}, as agreed with the customer`,
})

// Errors are made beforehand, with their stacks: making them costs more than logging them and is no logger's work.
export const ERRORS = Array.from({ length: 4096 }, (_, i) => {
  const err = Object.assign(new Error(`card ${i % 7} declined`), { code: 'E_DECLINED' })
  void err.stack
  return err
})

const PEERS = ['winston', 'bunyan', 'logtape', 'tslog', 'log4js']
// Where the shape of the record is what differs, one bare and one scoped pino are enough.
const SHAPES = ['spoor', 'pino-4096-sync', 'pino-mixin-4096', ...PEERS]

const inRequest = {
  title: 'in-request record: scope, span, two fields',
  message: (log, i) => log.info('order placed', { order_id: i, total: 9.5 }),
  object: (log, i) => log.info({ order_id: i, total: 9.5 }, 'order placed'),
  expect: (i) => ({ msg: 'order placed', order_id: i, total: 9.5 }),
  scope: SCOPE,
  contenders: [...SCOPED, 'spoor-open', ...BARE, REDACTING, 'nothing'],
  // Targets hang on it: more rounds.
  key: true,
}

const scopeOf = (n) =>
  Object.fromEntries(Array.from({ length: n }, (_, k) => [`field_${k}`, `value-${k}-abcdefgh`]))

export const cases = {
  'in-request': inRequest,
  otel: {
    ...inRequest,
    title: 'in-request record, the span from an OpenTelemetry SDK',
    otel: true,
    key: false,
    contenders: ['spoor', 'pino-mixin-otel'],
  },
  'ten-fields': {
    ...inRequest,
    title: 'in-request record with ten fields',
    message: (log, i) => log.info('order placed', ten(i)),
    object: (log, i) => log.info(ten(i), 'order placed'),
    expect: (i) => ({ msg: 'order placed', ...ten(i) }),
  },
  texts: {
    ...inRequest,
    title: 'in-request record with texts that are searched for secrets',
    key: false,
    contenders: ['spoor', 'spoor-open', 'pino-4096-sync', REDACTING],
    message: (log, i) => log.info('order placed', texts(i)),
    object: (log, i) => log.info(texts(i), 'order placed'),
    expect: (i) => ({ msg: 'order placed', ...texts(i) }),
  },
  nested: {
    ...inRequest,
    title: 'in-request record with a nested object',
    contenders: [...SHAPES, 'spoor-open'],
    key: false,
    message: (log, i) => log.info('order placed', nested(i)),
    object: (log, i) => log.info(nested(i), 'order placed'),
    expect: (i) => ({ msg: 'order placed', id: i, city: 'Nairobi' }),
  },
  long: {
    ...inRequest,
    title: 'in-request record with a 1 KB message',
    contenders: [...SHAPES, 'spoor-open'],
    key: false,
    message: (log, i) => log.info(LONG, { order_id: i }),
    object: (log, i) => log.info({ order_id: i }, LONG),
    expect: (i) => ({ msg: LONG, order_id: i }),
  },
  error: {
    ...inRequest,
    title: 'in-request error with its stack',
    contenders: [...SHAPES, 'spoor-open'],
    key: false,
    error: true,
    message: (log, i) => log.error('payment failed', { err: ERRORS[i & 4095], order_id: i }),
    object: (log, i) => log.error({ err: ERRORS[i & 4095], order_id: i }, 'payment failed'),
    expect: (i) => ({ msg: 'payment failed', stack: ERRORS[i & 4095].stack, order_id: i }),
  },
  bare: {
    ...inRequest,
    title: 'no scope: two fields',
    scope: undefined,
    key: false,
    contenders: ['spoor', ...BARE, ...PEERS],
  },
  first: {
    ...inRequest,
    title: 'first record of a scope (with its run)',
    kind: 'first',
    outer: { trace_id: SCOPE.trace_id, span_id: SCOPE.span_id },
    contenders: ['spoor', 'pino-child', 'pino-mixin-4096', 'bunyan', 'winston', ...BARE],
  },
  off: {
    title: 'level off: log.debug at level info',
    kind: 'off',
    message: (log, fields) => log.debug('order placed', fields),
    object: (log, fields) => log.debug(fields, 'order placed'),
    key: true,
    contenders: ['spoor', 'pino-4096-sync', ...PEERS, 'nothing'],
  },
  ...Object.fromEntries(
    [1, 10, 50].map((n) => [
      `scope-${n}`,
      {
        ...inRequest,
        title: `scope of ${n} field${n > 1 ? 's' : ''}`,
        scope: scopeOf(n),
        key: false,
        contenders: ['spoor', 'pino-mixin-4096', 'pino-child'],
      },
    ]),
  ),
  ...Object.fromEntries(
    [1, 100, 10_000, 100_000].map((n) => [
      `live-${n}`,
      {
        ...inRequest,
        title: `${n.toLocaleString('en')} live scope${n > 1 ? 's' : ''}, records in turn`,
        kind: 'live',
        live: n,
        key: false,
        contenders: ['spoor', 'pino-mixin-4096', 'nothing'],
      },
    ]),
  ),
  ...Object.fromEntries(
    [1, 4, 256].map((n) => [
      `turn-${n}`,
      {
        ...inRequest,
        title: `in-request record, ${n} a turn`,
        perTurn: n,
        key: false,
        contenders: ['spoor', 'pino', 'pino-4096-sync', 'nothing'],
      },
    ]),
  ),
  run: { title: 'AsyncLocalStorage.run alone', kind: 'run', contenders: ['nothing'] },
  ids: { title: 'ids alone: request id and trace context', kind: 'ids', contenders: ['nothing'] },
}
