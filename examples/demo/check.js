// Compares what the services wrote with what the client asked and was told. Each complaint is a sentence.
// The order's number went along in the requests' bodies, so it tells whose record it is without any logging.
const SERVICES = ['shop', 'payments']
const COMPLETED = 'request completed'

/**
 * @param entries all records, with their files
 * @param answers what the client knows
 */
export function complaintsAbout(entries, answers) {
  const records = entries.map(({ record }) => record)
  return [
    ...SERVICES.flatMap((service) => rotation(service, entries)),
    ...answers.flatMap((answer) => identity(answer)),
    ...answers.flatMap((answer) => request(answer, records)),
    ...owners(answers, records),
    ...traces(answers, records),
  ]
}

function rotation(service, entries) {
  const files = new Set(entries.filter(({ record }) => record.service === service).map(({ file }) => file))
  if (files.size === 0) return [`the service ${service} left no records`]
  return files.size === 1 ? [`the file of ${service} did not rotate`] : []
}

/** The id that came back: the client's own where it may be taken, else a new one. */
function identity({ order_id, sent, taken, status, request_id, expected }) {
  const complaints = []
  if (status !== expected) complaints.push(`order ${order_id} got ${status} instead of ${expected}`)
  if (!request_id) complaints.push(`order ${order_id} got no x-request-id back`)
  if (taken && request_id !== sent) complaints.push(`order ${order_id}: the id ${sent} was not kept`)
  if (!taken && request_id === sent) complaints.push(`order ${order_id}: the id ${sent} was taken`)
  return complaints
}

/** One record of completion in each service that saw it, one trace over all. */
function request({ order_id, request_id, status, paid }, records) {
  const complaints = []
  const own = records.filter((record) => record.request_id === request_id)
  for (const service of SERVICES) {
    const wanted = service === 'shop' || paid ? 1 : 0
    const completed = own.filter((record) => record.service === service && record.msg === COMPLETED)
    if (completed.length !== wanted)
      complaints.push(
        `order ${order_id}: ${completed.length} "${COMPLETED}" in ${service}, expected ${wanted}`,
      )
    else if (service === 'shop' && (completed[0].status ?? null) !== status)
      complaints.push(`order ${order_id}: recorded with ${completed[0].status}, answered with ${status}`)
  }
  const ids = new Set(own.map((record) => record.trace_id))
  if (ids.size !== 1 || ids.has(undefined))
    complaints.push(`order ${order_id}: ${ids.size} trace ids instead of one: ${[...ids].join(', ')}`)
  return complaints
}

/** Every record that names an order has the id and the user of that order; no record of a request has none. */
function owners(answers, records) {
  const byOrder = new Map(answers.map((answer) => [answer.order_id, answer]))
  const known = new Set(answers.map(({ request_id }) => request_id))
  return records.flatMap((record) => {
    const { request_id, order_id, user_id, service, msg } = record
    const what = `"${msg}" in ${service}`
    const owner = byOrder.get(order_id)
    if (owner !== undefined && request_id !== owner.request_id)
      return [`${what} of order ${order_id} carries ${request_id} instead of ${owner.request_id}`]
    if (owner !== undefined && user_id !== owner.user)
      return [`${what} of order ${order_id} carries the user ${user_id} instead of ${owner.user}`]
    if (request_id !== undefined && !known.has(request_id))
      return [`${what} carries an unknown ${request_id}`]
    if (request_id === undefined && record.duration_ms !== undefined) return [`${what} carries no request id`]
    return []
  })
}

function traces(answers, records) {
  const found = new Set(records.map((record) => record.trace_id).filter((id) => id !== undefined))
  return found.size === answers.length ? [] : [`${found.size} traces of ${answers.length} requests`]
}
