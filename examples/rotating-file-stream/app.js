// Logs 1,000 records and ends. Usage: node app.js stream|file shutdown|exit <directory>
import { join } from 'node:path'
import { createStream } from 'rotating-file-stream'
import { createLogger, fileTransport, shutdown, streamTransport } from 'spoor'

const [, , to, end, directory] = process.argv

// What a service has that comes from rotating-file-stream …
const before = () =>
  streamTransport(createStream('app.log', { path: directory, size: '20K', interval: '1d' }))
// … and what says the same without it.
const after = () => fileTransport({ path: join(directory, 'app.log'), maxSize: '20KB', rotate: 'daily' })

const logger = createLogger({ transports: [to === 'stream' ? before() : after()], identity: false })
for (let n = 0; n < 1000; n += 1) logger.info('order placed', { n })

if (end === 'exit') process.exit()
// A stream writes while the event loop runs: without this, too, the program ends when all is written.
await shutdown(logger)
