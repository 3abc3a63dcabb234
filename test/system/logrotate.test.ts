import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { parseLines } from '../support/strict-json.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { compared, found, textsOf, WHOLE } from './found.ts'
import { programs, services } from './service.ts'

// The operator's own logrotate, as Debian installs it, under a service that goes on writing and is told nothing.

const ROUNDS = process.env.SPOOR_FULL ? 100 : 8
const service = services()
const built = programs({ logging: 'test/system/logging.ts' })

function logrotate(dir: string, directives: string): () => void {
  const rules = join(dir, 'rules.conf')
  const text = `${join(dir, 'app.log')} {\n  rotate 1000\n  missingok\n  notifempty\n  ${directives}\n}\n`
  writeFileSync(rules, text, { mode: 0o600 })
  return () => {
    const args = ['--force', '--state', join(dir, 'state'), rules]
    const { status, stderr } = spawnSync('/usr/sbin/logrotate', args, { encoding: 'utf8' })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  }
}

const files = (dir: string) => readdirSync(dir).filter((name) => name.startsWith('app.log'))

it.each([
  'nocreate',
  'nocreate\n  compress\n  delaycompress',
  'create',
  'create 0600 root root\n  compress\n  delaycompress',
])('loses and doubles nothing under logrotate with: %s', async (directives) => {
  const dir = temporaryDirectory()
  const rotate = logrotate(dir, directives)
  const { ask, end } = service({ options: { path: join(dir, 'app.log'), rotate: 'off' }, pace: 0 })
  for (let round = 0; round < ROUNDS; round++) {
    await ask('followed', { count: 1000 })
    rotate()
  }
  await ask('followed', { count: 1000 })
  const { written, stderr } = await end()
  expect(files(dir)).toHaveLength(ROUNDS + 1)
  expect(stderr).toBe('')
  const { numbers, pieces } = found(dir)
  expect(compared(numbers.get('a'), written)).toEqual(WHOLE)
  expect(pieces.filter((line) => line.startsWith('{'))).toEqual([])
})

it('loses nothing to copytruncate but what comes between its copy and its truncation', async () => {
  const dir = temporaryDirectory()
  const rotate = logrotate(dir, 'copytruncate')
  const { ask, end } = service({ options: { path: join(dir, 'app.log'), rotate: 'off' } })
  for (let round = 0; round < ROUNDS; round++) {
    await ask('followed', { count: 200 })
    await ask('pace', { perTurn: 0 })
    rotate()
    await ask('pace', { perTurn: 5 })
  }
  await ask('followed', { count: 200 })
  const { written } = await end()
  const texts = textsOf(dir)
  expect(files(dir)).toHaveLength(ROUNDS + 1)
  expect(texts.filter((text) => text.includes('\0'))).toEqual([])
  expect(compared(found(dir).numbers.get('a'), written)).toEqual(WHOLE)
})

it('leaves the rotated file at the signal of a postrotate, set up by variables alone', async () => {
  const dir = temporaryDirectory()
  const env = {
    PATH: process.env.PATH,
    LOG_FILE: join(dir, 'app.log'),
    LOG_FILE_ROTATE: 'off',
    LOG_CONSOLE: 'off',
    LOG_LIFECYCLE: 'off',
    LOG_REOPEN_SIGNAL: 'SIGHUP',
  }
  const child = spawn(process.execPath, [join(built(), 'logging.js')], {
    env,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let stderr = ''
  child.stderr?.on('data', (chunk) => (stderr += chunk))
  const over = once(child, 'close')
  const ask = async (message: 'beat' | 'idle' | 'end'): Promise<number> => {
    child.send(message)
    const early = over.then(() => Promise.reject(new Error(stderr)))
    return (await Promise.race([once(child, 'message'), early]))[0]
  }
  const rotate = logrotate(dir, `create\n  postrotate\n    kill -HUP ${child.pid}\n  endscript`)
  for (let round = 0; round < ROUNDS; round++) {
    await ask('beat')
    // Without a record that would make it look at the path: every other time it is the signal alone.
    if (round % 2 === 0) await ask('idle')
    rotate()
    while (opened(child.pid).some((path) => path.startsWith(`${dir}/app.log.`))) await ask('idle')
  }
  const written = await ask('end')
  expect(await over).toEqual([0, null])
  expect(stderr).toBe('')
  expect(files(dir)).toHaveLength(ROUNDS + 1)
  const numbers = files(dir).flatMap((name) =>
    parseLines<{ n: number }>(readFileSync(join(dir, name), 'utf8')).map(({ n }) => n),
  )
  expect(compared(numbers, written)).toEqual(WHOLE)
})

function opened(pid: number | undefined): string[] {
  return readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`))
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    // Closed meanwhile.
    return ''
  }
}
