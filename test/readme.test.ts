import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { SETTING_DOCS } from '../src/config/variables.ts'
import { parseStrict } from './support/strict-json.ts'

// Runs the programs in the README as they stand, against the build, and compares what they write with what the
// README says that they write. Needs a build.

const root = fileURLToPath(new URL('..', import.meta.url))
const readme = readFileSync(join(root, 'README.md'), 'utf8')

/** Any value: of what is different each time. */
const ANY = '…'

interface Block {
  language: string
  code: string
  line: number
}

const blocks = [...readme.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(
  (match): Block => ({
    language: match[1] as string,
    code: match[2] as string,
    line: readme.slice(0, match.index).split('\n').length,
  }),
)

interface Program {
  name: string
  code: string
  /** The records that the README shows right below. */
  shown: Record<string, unknown>[] | undefined
}

const programs = blocks.flatMap((block, at): Program[] => {
  if (block.language !== 'js') return []
  const below = blocks[at + 1]
  const shown = below?.language === 'json' ? recordsOf(below.code) : undefined
  return [{ name: `line ${block.line}: ${block.code.split('\n', 1)[0]}`, code: block.code, shown }]
})

function recordsOf(output: string): Record<string, unknown>[] {
  return output
    .trim()
    .split('\n')
    .map((line) => parseStrict(line) as Record<string, unknown>)
}

// Servers listen on a free port, get one request, and the process ends when it has been answered.
const ASK_SERVERS = `
import net from 'node:net'
const { listen } = net.Server.prototype
net.Server.prototype.listen = function (first, ...rest) {
  const anywhere = typeof first === 'object' ? { ...first, port: 0 } : { port: 0, host: '127.0.0.1' }
  this.once('listening', async () => {
    const url = 'http://127.0.0.1:' + this.address().port + '/orders/7'
    const answer = await fetch(url, { headers: { 'x-request-id': 'web-7' } })
    await answer.text()
    const returned = answer.headers.get('x-request-id')
    setImmediate(() => process.exit(answer.status === 200 && returned === 'web-7' ? 0 : 3))
  })
  return listen.call(this, anywhere, ...rest)
}`

async function run(code: string): Promise<{ status: number; stdout: string; stderr: string }> {
  const preload = `data:text/javascript,${encodeURIComponent(ASK_SERVERS)}`
  const inherited = Object.entries(process.env).filter(([name]) => !/^(LOG_|OTEL_|NODE_|VITEST)/.test(name))
  const child = spawn(
    process.execPath,
    ['--no-warnings', '--import', preload, '--input-type=module', '--eval', code],
    { cwd: root, env: { ...Object.fromEntries(inherited), SERVICE_NAME: 'shop' } },
  )
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  return { status: status as number, stdout, stderr }
}

function isListening(code: string): boolean {
  return code.includes('listen(')
}

/** What was written in the shape of what is shown: the same keys in the same order, free values free. */
function alike(shown: Record<string, unknown>, written: Record<string, unknown> | undefined): string {
  const entries = Object.entries(written ?? {}).map(([key, value]) => [key, shown[key] === ANY ? ANY : value])
  return JSON.stringify(Object.fromEntries(entries))
}

describe('the README', () => {
  it('has programs, and shows what some of them write', () => {
    expect(programs.length).toBeGreaterThanOrEqual(7)
    expect(programs.filter(({ shown }) => shown !== undefined).length).toBeGreaterThanOrEqual(4)
    expect(
      blocks.filter(({ language }) => ['ts', 'typescript', 'javascript', 'mjs'].includes(language)),
    ).toEqual([])
  })

  it.each(programs)('$name', async ({ code, shown }) => {
    const { status, stdout, stderr } = await run(code)
    expect(stderr).toBe('')
    expect(status).toBe(0)
    const written = recordsOf(stdout)
    if (isListening(code))
      expect(written.filter(({ msg }) => msg === 'request completed').map((each) => each.request_id)).toEqual(
        ['web-7'],
      )
    if (shown === undefined) return
    expect(written).toHaveLength(shown.length)
    expect(shown.map((record, at) => alike(record, written[at]))).toEqual(
      shown.map((record) => JSON.stringify(record)),
    )
  })

  it('names variables that exist, and scripts of package.json', () => {
    const known = new Set(SETTING_DOCS.map(({ name }) => name))
    const named = [...readme.matchAll(/\bLOG_[A-Z_]+/g)].map(([name]) => name)
    expect(named.filter((name) => !known.has(name))).toEqual([])
    expect(named.length).toBeGreaterThan(5)
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>
    }
    const run = [...readme.matchAll(/npm run ([\w:]+)/g)].map(([, script]) => script as string)
    expect(run.filter((script) => scripts[script] === undefined)).toEqual([])
  })
})

describe('links', () => {
  it.each(['README.md', 'docs/README.md', 'examples/README.md'])('of %s lead somewhere', (file) => {
    const links = [...readFileSync(join(root, file), 'utf8').matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(
      ([, link]) => link as string,
    )
    const inside = links.filter((link) => !/^https?:/.test(link))
    expect(inside.filter((link) => !existsSync(join(root, dirname(file), link)))).toEqual([])
    expect(inside.length).toBeGreaterThan(5)
  })

  it('reach every page of docs and every example', () => {
    const index = readFileSync(join(root, 'docs/README.md'), 'utf8')
    const pages = readdirSync(join(root, 'docs')).filter(
      (name) => name.endsWith('.md') && name !== 'README.md',
    )
    expect(pages.filter((page) => !index.includes(`(${page})`))).toEqual([])
    const examples = readFileSync(join(root, 'examples/README.md'), 'utf8')
    const folders = readdirSync(join(root, 'examples'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
    expect(folders.filter((folder) => !examples.includes(`(${folder})`))).toEqual([])
    const files = [...examples.matchAll(/node (examples\/[\w/-]+\.js)/g)].map(([, file]) => file as string)
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([])
    expect(files.length).toBeGreaterThanOrEqual(folders.length)
  })
})
