import { readFileSync } from 'node:fs'
import { auditError } from '../../config/errors.ts'

const LEAST = 16

/** Where the secret comes from; the text itself goes before the file. */
export interface KeySource {
  readonly key?: string | undefined
  readonly keyFile?: string | undefined
}

/**
 * Reads the secret of an audit log. Of a file all but the newline at its end counts.
 *
 * @throws ERR_SPOOR_AUDIT where it can't be read or has fewer than 16 characters: records without the hash that was
 *   asked for would be taken for safe
 */
export function readKey({ key, keyFile }: KeySource): string | undefined {
  const found = key ?? (keyFile === undefined ? undefined : readKeyFile(keyFile))
  if (found !== undefined && found.length < LEAST) {
    const where = key === undefined ? `the file ${keyFile}` : 'LOG_AUDIT_KEY (option audit.key)'
    throw auditError(
      `the key of the audit log is too short: ${where} has ${found.length} characters, expected ${LEAST} or more. Make one with: openssl rand -base64 32`,
    )
  }
  return found
}

function readKeyFile(file: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    throw auditError(`the key of the audit log can't be read: ${(error as Error).message}`, error)
  }
}
