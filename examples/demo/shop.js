// The shop: Express. It takes orders and has them paid by the payments service.
import express from 'express'
import { logger } from 'spoor'
import { requestLogger } from 'spoor/express'

const PAYMENTS_URL = process.env.PAYMENTS_URL ?? 'http://localhost:4002'
const PRICES = { tea: 4, bread: 3, honey: 9 }
const COUPONS = { WELCOME: { percent: 10 } }

const app = express()
app.use(requestLogger({ getUser: (req) => ({ user_id: req.get('x-user') }), propagate: ['user_id'] }))
app.use(express.json())

app.post('/orders', async (req, res) => {
  const { order_id, items, card, coupon } = req.body
  logger.info('order received', { order_id, items })
  const unknown = items.filter((item) => PRICES[item] === undefined)
  if (items.length === 0 || unknown.length > 0) {
    logger.warn('order refused', { order_id, unknown })
    return res.status(422).json({ error: 'invalid_items' })
  }
  const payment = await pay(order_id, amountOf(items, coupon), card)
  if (payment.status >= 500) {
    logger.error('order not paid', { order_id, payments_status: payment.status })
    return res.status(502).json({ error: 'payments_down' })
  }
  if (!payment.ok) return res.status(payment.status).json(await payment.json())
  const { charge_id } = await payment.json()
  logger.info('order placed', { order_id, charge_id })
  return res.status(201).json({ order_id, charge_id })
})

// A mistake, for the demo: a coupon that does not exist makes it throw.
function amountOf(items, coupon) {
  const sum = items.reduce((total, item) => total + PRICES[item], 0)
  return coupon === undefined ? sum : sum * (1 - COUPONS[coupon].percent / 100)
}

/** No header is set here: the request id, the trace and the user go along by themselves. */
function pay(order_id, amount, card) {
  return fetch(`${PAYMENTS_URL}/charges`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ order_id, amount, card }),
  })
}

app.use((_err, _req, res, _next) => {
  res.status(500).json({ error: 'internal' })
})

const server = app.listen(Number(process.env.PORT ?? 4001), () => {
  logger.info('shop is listening', { port: server.address().port })
  process.send?.({ port: server.address().port })
})
process.once('SIGTERM', () => server.close())
