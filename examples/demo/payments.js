// The payments service: Fastify. It asks a bank, which declines, is slow or does not answer at all.
import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import Fastify from 'fastify'
import { getLogger, logger } from 'spoor'
import { fastifyLogging, requestLogger } from 'spoor/fastify'

const bankLog = getLogger('bank')

const app = Fastify({ ...fastifyLogging({ propagate: ['user_id'] }) })
await app.register(requestLogger)

app.post('/charges', async (request, reply) => {
  const { order_id, amount, card } = request.body
  logger.info('charge requested', { order_id, amount })
  const { approved } = await bankLog.time('bank asked', () => askBank(card), { slowMs: 500 })
  if (!approved) {
    logger.warn('card declined', { order_id, amount })
    return reply.code(402).send({ error: 'card_declined' })
  }
  const charge_id = `ch_${randomUUID().slice(0, 8)}`
  logger.info('card charged', { order_id, amount, charge_id })
  return reply.code(201).send({ charge_id })
})

/** Behaves as the card says, like the test cards of real providers. */
async function askBank(card) {
  await wait(card === 'card_slow' ? 700 : 5 + Math.random() * 30)
  if (card === 'card_bank_down') {
    const cause = Object.assign(new Error('connect ECONNREFUSED 192.0.2.7:443'), { code: 'ECONNREFUSED' })
    throw new Error('the bank does not answer', { cause })
  }
  return { approved: card !== 'card_declined' }
}

await app.listen({ port: Number(process.env.PORT ?? 4002) })
process.send?.({ port: app.server.address().port })
process.once('SIGTERM', () => app.close())
