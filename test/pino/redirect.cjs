'use strict'
/*
 * Loaded with --require in front of pino's own test files, which are run where pino was installed. It does two
 * things: what those files call '../' becomes the module named by SPOOR_PINO_ENTRY (nothing named: pino itself),
 * and packages that only pino's tests need are found in test/pino/node_modules.
 */
const { Module, createRequire } = require('node:module')
const path = require('node:path')

const entry = process.env.SPOOR_PINO_ENTRY
const pinoMain = require.resolve('pino')
const pinoTests = path.join(path.dirname(pinoMain), 'test') + path.sep
const fromHere = createRequire(__filename)
const resolveFilename = Module._resolveFilename

Module._resolveFilename = function redirected(request, parent, ...rest) {
  const inTests = parent?.filename?.startsWith(pinoTests) === true
  if (!inTests) return resolveFilename.call(this, request, parent, ...rest)
  let found
  try {
    found = resolveFilename.call(this, request, parent, ...rest)
  } catch (err) {
    if (err.code !== 'MODULE_NOT_FOUND' || request.startsWith('.')) throw err
    return fromHere.resolve(request)
  }
  return entry && found === pinoMain ? entry : found
}
