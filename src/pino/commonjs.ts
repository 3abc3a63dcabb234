import { spoorPino } from './factory.ts'

// The only export, so that the build can make it module.exports: `const pino = require('spoor/pino')`.
export default spoorPino
