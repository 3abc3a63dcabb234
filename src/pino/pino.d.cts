import pino = require('pino')

/** pino's own signature, statics and types. */
export = pino
