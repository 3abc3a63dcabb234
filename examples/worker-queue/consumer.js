// Works through the queue in a thread of its own; each job runs in the context in which it was queued.
import { setTimeout as wait } from 'node:timers/promises'
import { parentPort } from 'node:worker_threads'
import { continueContext, getLogger } from 'spoor'

const log = getLogger('consumer')
const running = []

parentPort.on('message', (message) => {
  if (message === 'no more jobs') Promise.all(running).then(() => parentPort.close())
  else running.push(continueContext(message.context, () => sendMail(message.job)))
})

async function sendMail(job) {
  log.info('job started', { job })
  const done = log.startTimer('mail sent')
  await wait(10)
  done({ job })
}
