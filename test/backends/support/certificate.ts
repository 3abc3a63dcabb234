import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A certificate for localhost and 127.0.0.1 that signs itself, so that it is its own authority too. */
export interface Certificate {
  /** PEM. */
  readonly ca: string
  readonly certificateFile: string
  readonly keyFile: string
}

/** Makes one in that folder. */
export function makeCertificate(folder: string): Certificate {
  const certificateFile = join(folder, 'certificate.pem')
  const keyFile = join(folder, 'key.pem')
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const args = ['req', '-x509', '-days', '2', ...key, ...subject, '-out', certificateFile]
  // Its progress would come out as dashes; of a failure the error has it.
  execFileSync('openssl', args, { stdio: 'pipe' })
  return { ca: readFileSync(certificateFile, 'utf8'), certificateFile, keyFile }
}
