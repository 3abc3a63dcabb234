import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLogger } from '../../src/logger/create.ts'
import { shutdown } from '../../src/logger/default.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { bundleCommand, start } from './support.ts'

let spoor: ReturnType<typeof bundleCommand>
beforeAll(() => {
  spoor = bundleCommand()
})
afterAll(() => spoor.remove())

const KEY = 'a key of at least sixteen characters'

interface Result {
  readonly code: number | string
  readonly stdout: string
  readonly stderr: string
}

async function verify(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Result> {
  const command = start(spoor.path, ['verify', ...args], env)
  const code = await command.ended
  return { code, stdout: command.stdout, stderr: command.stderr }
}

async function log(audit: { key?: string; headed?: boolean } = {}) {
  const directory = temporaryDirectory()
  const [path, head, keyFile] = ['app.audit.log', 'head', 'key'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ]
  writeFileSync(keyFile, `${KEY}\n`)
  const logger = createLogger({
    transports: [],
    env: {},
    audit: { path, key: audit.key, head: audit.headed === true ? head : undefined },
  })
  for (const action of ['a', 'b', 'c']) await logger.audit(action)
  await shutdown(logger)
  return { directory, path, head, keyFile }
}

describe('spoor verify', () => {
  it('says that all is as it was written: 0', async () => {
    const { path, head, keyFile } = await log({ key: KEY, headed: true })
    expect(await verify([path, '--head', head, '--key-file', keyFile])).toEqual({
      code: 0,
      stdout: `ok: ${path}: 3 records (1 to 3) by 1 writer in 1 file; checked with a key; the end is as the head file says\n`,
      stderr: '',
    })
    expect(await verify([path, '--head', head, '--key-env', 'SECRET', '--quiet'], { SECRET: KEY })).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    })
  })

  it('names what is wrong: 1', async () => {
    const { path } = await log()
    writeFileSync(path, readFileSync(path, 'utf8').replace('"b"', '"B"'))
    const { code, stdout } = await verify([path])
    expect({ code, stdout }).toEqual({
      code: 1,
      stdout: 'fault: app.audit.log:2: record 2 is not what was written: its hash does not fit (changed)\n',
    })
    const json = await verify([path, '--json'])
    expect(json.code).toBe(1)
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, fault: { code: 'changed', line: 2, seq: 2 } })
    rmSync(path)
    expect(await verify([path])).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('no audit record'),
    })
  })

  it('takes what it is not told from the environment', async () => {
    const { directory, path, head, keyFile } = await log({ key: KEY, headed: true })
    const ok = { code: 0, stderr: '' }
    expect(
      await verify([], { LOG_AUDIT_FILE: path, LOG_AUDIT_HEAD: head, LOG_AUDIT_KEY: KEY }),
    ).toMatchObject(ok)
    const beside = { LOG_FILE: join(directory, 'app.log'), LOG_AUDIT_KEY_FILE: keyFile }
    expect(await verify([], beside)).toMatchObject({ ...ok, stdout: expect.stringContaining('no head file') })
    writeFileSync(path, readFileSync(path, 'utf8').split('\n').slice(0, 2).join('\n'))
    expect(await verify([], { ...beside, LOG_AUDIT_HEAD: head })).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('(cut)'),
    })
  })

  it.each<[string, readonly string[], RegExp]>([
    ['no log', [], /no audit log is named/],
    ['two logs', ['a', 'b'], /2 audit logs were named/],
    ['an unknown option', ['a', '--haed', 'x'], /--haed is not an option\. Did you mean --head\?/],
    ['a value that is missing', ['a', '--head'], /--head has no value/],
    ['a secret on the command line', ['a', '--key', KEY], /--key is not taken/],
    ['a variable that is not set', ['a', '--key-env', 'NOWHERE'], /names a variable that is not set/],
    ['a directory', [tmpdir()], /is a directory, expected an audit log/],
    ['a key file that is not there', ['a', '--key-file', '/nowhere/key'], /can't be read/],
  ])('says what has to be written otherwise: 2: %s', async (_name, args, wanted) => {
    const { code, stdout, stderr } = await verify(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(wanted)
    expect(stderr).toMatch(/^spoor: (?!spoor: ).+\n$/)
    expect(stderr).not.toContain(KEY)
  })

  it('says what it could not do: 2', async () => {
    const { path, directory } = await log({ key: KEY })
    const unkeyed = await verify([path])
    expect(unkeyed).toMatchObject({
      code: 2,
      stdout: expect.stringContaining('(key)'),
      stderr: expect.stringContaining('--key-file'),
    })
    mkdirSync(join(directory, 'a-directory'))
    const unreadable = await verify([path, '--head', join(directory, 'a-directory')])
    expect(unreadable).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^spoor: EISDIR.*\n$/),
    })
  })
})
