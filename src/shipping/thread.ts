// The entry of the thread that ships: a file of its own in dist, found by segments/thread-file.ts.
import { parentPort, workerData } from 'node:worker_threads'
import type { ShipOrder, ShipOrders } from './orders.ts'
import { ship } from './ship.ts'

const port = parentPort
if (port !== null && (workerData as ShipOrders).kind === 'ship') {
  const { order } = ship(workerData as ShipOrders, (report) => port.postMessage(report))
  port.on('message', (message: ShipOrder) => order(message))
}
