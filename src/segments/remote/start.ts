import type { Worker } from 'node:worker_threads'
import { builtin } from '../../config/builtin.ts'
import { outsideScopes } from '../timers.ts'
import type { PlainError, Report, WriteOrders } from './state.ts'

/**
 * Starts the writing thread; it does not keep the process alive.
 *
 * @param ended told once it is dead, of its own or because it was ended
 * @throws where no thread can be started
 */
export function startThread(
  file: string | URL,
  orders: WriteOrders,
  hear: (report: Report) => void,
  ended: (error: Error) => void,
): Worker {
  const { Worker } = builtin('node:worker_threads')
  let crash: Error | undefined
  return outsideScopes(() => {
    // Neither what the service preloads nor its environment is the thread's business.
    const worker = new Worker(file, { name: 'spoor-write', workerData: orders, execArgv: [], env: {} })
    worker.unref()
    worker.on('message', hear)
    worker.on('error', (error: Error) => {
      crash = error
    })
    worker.on('exit', (code) => ended(crash ?? new Error(`the writing thread ended with code ${code}`)))
    return worker
  })
}

/** The error again that was told as plain data. */
export function errorOf({ message, ...rest }: PlainError): NodeJS.ErrnoException {
  return Object.assign(new Error(message), rest)
}
