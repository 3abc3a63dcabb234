import 'reflect-metadata'
import { load, makeLogger, tell } from './common.js'

const { Controller, Get, HttpException, Inject, Module } = await load('@nestjs/common')
const { NestFactory } = await load('@nestjs/core')
const { LoggerModule, Logger, PinoLogger } = await load('nestjs-pino')

const lines = []
const logger = await makeLogger({}, (line) => lines.push(line))

class Orders {
  constructor(log) {
    this.log = log
    log.setContext('Orders')
  }
  list() {
    this.log.assign({ tenant: 't-9' })
    this.log.info({ order_id: 42 }, 'listing %d', 1)
    return ['a']
  }
  fail() {
    this.log.error(new Error('no stock'), 'failing')
    throw new HttpException('no stock', 503)
  }
}
// The decorators by hand, since this is plain JavaScript.
Inject(PinoLogger)(Orders, undefined, 0)
for (const [name, path] of [
  ['list', ''],
  ['fail', 'fail'],
]) {
  Get(path)(Orders.prototype, name, Object.getOwnPropertyDescriptor(Orders.prototype, name))
}
Controller('orders')(Orders)
class App {}
Module({
  imports: [
    LoggerModule.forRoot({ assignResponse: true, pinoHttp: { logger, customProps: () => ({ edge: 'eu' }) } }),
  ],
  controllers: [Orders],
})(App)

const app = await NestFactory.create(App, { bufferLogs: true })
app.useLogger(app.get(Logger))
await app.listen(0, '127.0.0.1')
const url = `http://127.0.0.1:${app.getHttpServer().address().port}/orders`
const answers = []
for (const path of ['', '/fail']) {
  const answer = await fetch(url + path)
  answers.push({ status: answer.status, body: await answer.text() })
}
await app.close()
tell({ answers, lines })
process.exit(0)
