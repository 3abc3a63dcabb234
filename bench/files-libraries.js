// Each library set up as its own documentation advises for JSON lines in files that rotate by size and are all
// kept, plain or compressed with gzip.
//
// open({ folder, megabytes, gzip }) gives { write, compresses }:
//   write(message, i)  logs one record with the fields order_id: i and total
//   compresses         whether done files are compressed
// gzip: whether the library has it; keepsPlain: how many files are never compressed, the live one included.

import { join } from 'node:path'

const fields = (i) => ({ order_id: i, total: 9.5 })

// One rotation late: the newest done file stays plain. Half a second without a change, instead of ten, is what a
// done file must show before it is compressed, so that a run does not mostly wait.
const COMPRESS = { compress: 1, compressFormat: 'gzip', settleMs: 500 }

const spoor = {
  gzip: true,
  keepsPlain: 2,
  async open({ folder, megabytes, gzip }) {
    const { createLogger, fileTransport } = await import('../dist/index.js')
    const plain = { path: join(folder, 'app.log'), maxSize: `${megabytes}MB` }
    const file = fileTransport({ ...plain, ...(gzip ? COMPRESS : { compress: 'off' }) })
    const transports = [file]
    const log = createLogger({ level: 'info', source: 'off', lifecycle: false, transports })
    return {
      compresses: gzip,
      write: (message, i) => log.info(message, fields(i)),
    }
  },
}

const pinoRoll = {
  gzip: false,
  keepsPlain: 1,
  async open({ folder, megabytes }) {
    const { default: pino } = await import('pino')
    const options = { file: join(folder, 'app.log'), size: `${megabytes}m` }
    const log = pino(pino.transport({ target: 'pino-roll', options }))
    return { compresses: false, write: (message, i) => log.info(fields(i), message) }
  },
}

const rotatingFileStream = {
  gzip: true,
  keepsPlain: 1,
  async open({ folder, megabytes, gzip }) {
    const { default: pino } = await import('pino')
    const { createStream } = await import('rotating-file-stream')
    const options = { path: folder, size: `${megabytes}M`, ...(gzip && { compress: 'gzip' }) }
    const log = pino(createStream('app.log', options))
    return { compresses: gzip, write: (message, i) => log.info(fields(i), message) }
  },
}

const winstonDaily = {
  gzip: true,
  keepsPlain: 1,
  async open({ folder, megabytes, gzip }) {
    const { default: winston } = await import('winston')
    const { default: DailyRotateFile } = await import('winston-daily-rotate-file')
    const { combine, timestamp, json } = winston.format
    const file = new DailyRotateFile({
      dirname: folder,
      filename: 'app-%DATE%',
      extension: '.log',
      maxSize: `${megabytes}m`,
      zippedArchive: gzip,
    })
    const log = winston.createLogger({
      level: 'info',
      format: combine(timestamp(), json()),
      transports: [file],
    })
    return { compresses: gzip, write: (message, i) => log.info(message, fields(i)) }
  },
}

const log4js = {
  gzip: true,
  keepsPlain: 1,
  async open({ folder, megabytes, gzip }) {
    const { default: l } = await import('log4js')
    l.addLayout(
      'json',
      () =>
        ({ startTime, level, data: [msg, more] }) =>
          JSON.stringify({ time: startTime.toISOString(), level: level.levelStr, msg, ...more }),
    )
    const file = {
      type: 'file',
      filename: join(folder, 'app.log'),
      layout: { type: 'json' },
      maxLogSize: `${megabytes}M`,
      // Its default deletes all but five.
      backups: 1000,
      keepFileExt: true,
      compress: gzip,
    }
    l.configure({ appenders: { file }, categories: { default: { appenders: ['file'], level: 'info' } } })
    const log = l.getLogger()
    return { compresses: gzip, write: (message, i) => log.info(message, fields(i)) }
  },
}

export const LIBRARIES = {
  spoor,
  'pino-roll': pinoRoll,
  'winston-daily-rotate-file': winstonDaily,
  'rotating-file-stream': rotatingFileStream,
  log4js,
}
