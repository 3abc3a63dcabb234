// An app that configures nothing: whoever starts it decides by environment variables.
import { getLogger, logger } from 'spoor'

const db = getLogger('db')
const pool = getLogger('db.pool')

logger.info('app started', { node: process.versions.node })
db.debug('query', { sql: 'select 1' })
pool.debug('connection taken', { free: 4 })
logger.debug('cache is cold')
try {
  JSON.parse('{ oops')
} catch (err) {
  logger.error('settings not read', err, { file: 'settings.json' })
}
