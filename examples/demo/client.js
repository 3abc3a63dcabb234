// The client: sends orders to the shop, eight at a time, and prints as JSON what it asked and what it was told.
// Usage: SHOP_URL=http://localhost:4001 node client.js
const SHOP_URL = process.env.SHOP_URL ?? 'http://localhost:4001'
const ORDERS = 72
const AT_ONCE = 8
const IMPATIENT_MS = 450

/** What the n-th order is like, and the status that it must get. */
function orderOf(n) {
  const order = { order_id: n, items: ['tea', 'bread', 'honey'].slice(0, 1 + (n % 3)), card: 'card_good' }
  if (n === 40) return { kind: 'abandoned', paid: true, status: null, order: { ...order, card: 'card_slow' } }
  if (n % 12 === 5) return { kind: 'invalid', paid: false, status: 422, order: { ...order, items: ['gold'] } }
  if (n % 12 === 7)
    return { kind: 'declined', paid: true, status: 402, order: { ...order, card: 'card_declined' } }
  if (n % 18 === 9)
    return { kind: 'bank down', paid: true, status: 502, order: { ...order, card: 'card_bank_down' } }
  if (n % 18 === 15) return { kind: 'slow', paid: true, status: 201, order: { ...order, card: 'card_slow' } }
  if (n % 24 === 13) return { kind: 'bug', paid: false, status: 500, order: { ...order, coupon: 'SUMMER' } }
  return { kind: 'good', paid: true, status: 201, order }
}

/** Every third order brings an id of its own, and one brings an id that nobody should take. */
function requestIdOf(n, kind) {
  if (n === 20) return { sent: 'x", "level": "fatal', taken: false }
  if (n % 3 === 0 || kind === 'abandoned') return { sent: `web-${String(n).padStart(4, '0')}`, taken: true }
  return { sent: null, taken: false }
}

async function send(n) {
  const { kind, paid, status: expected, order } = orderOf(n)
  const { sent, taken } = requestIdOf(n, kind)
  const user = `u-${n % 7}`
  const started = performance.now()
  const answer = { order_id: n, kind, user, paid, expected, sent, taken, status: null, request_id: sent }
  try {
    const response = await fetch(`${SHOP_URL}/orders`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-user': user,
        ...(sent === null ? {} : { 'x-request-id': sent }),
      },
      body: JSON.stringify(order),
      ...(kind === 'abandoned' ? { signal: AbortSignal.timeout(IMPATIENT_MS) } : {}),
    })
    await response.arrayBuffer()
    answer.status = response.status
    answer.request_id = response.headers.get('x-request-id')
  } catch (err) {
    if (err.name !== 'TimeoutError') throw err
  }
  return { ...answer, ms: Math.round(performance.now() - started) }
}

const answers = []
let next = 1
async function sendMore() {
  while (next <= ORDERS) answers.push(await send(next++))
}
await Promise.all(Array.from({ length: AT_ONCE }, sendMore))
console.log(JSON.stringify(answers))
