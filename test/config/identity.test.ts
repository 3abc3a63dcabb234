import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it, test } from 'vitest'
import type { EnvironmentProblem } from '../../src/config/environment.ts'
import { readIdentity } from '../../src/config/identity.ts'

const root = mkdtempSync(join(tmpdir(), 'spoor-identity-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

function file(path: string, content: string): string {
  const full = join(root, path)
  mkdirSync(dirname(full), { recursive: true })
  writeFileSync(full, content)
  return full
}

file('package.json', '{"name":"monorepo","version":"9.0.0"}')
file('shop/package.json', '{"name":"@acme/shop","version":"1.2.3"}')
file('shop/dist/package.json', '{"type":"module"}')
const script = file('shop/dist/main.js', '')
const tool = file('shop/node_modules/vitest/cli.js', '')
file('shop/node_modules/vitest/package.json', '{"name":"vitest","version":"4.0.0"}')

function read(env: NodeJS.ProcessEnv, identity = {}) {
  return readIdentity(env, { identity, script })
}

it('has its keys in the order of the record, and leaves out what is unknown', () => {
  const identity = read({
    WORKER_ID: 'w',
    MACHINE_ID: 'm',
    HOSTNAME: 'h',
    AWS_REGION: 'eu-1',
    NODE_ENV: 'production',
    SERVICE_VERSION: '2',
    SERVICE_NAME: 'shop',
  })
  expect(JSON.stringify(identity)).toBe(
    `{"service":"shop","version":"2","env":"production","region":"eu-1","host":"h","pid":${process.pid},` +
      '"machine_id":"m","worker_id":"w"}',
  )
  expect(Object.keys(read({}))).toEqual(['service', 'version', 'host', 'pid'])
})

describe('precedence', () => {
  test.each<[string, NodeJS.ProcessEnv, object]>([
    ['package.json', {}, { service: '@acme/shop', version: '1.2.3' }],
    ['Cloud Run', { K_SERVICE: 'k', K_REVISION: 'k-7' }, { service: 'k', version: 'k-7' }],
    ['Datadog', { K_SERVICE: 'k', DD_SERVICE: 'd', DD_ENV: 'e' }, { service: 'd', env: 'e' }],
    ['SERVICE_NAME', { DD_SERVICE: 'd', SERVICE_NAME: 's' }, { service: 's' }],
    ['attributes', { SERVICE_NAME: 's', OTEL_RESOURCE_ATTRIBUTES: 'service.name=a' }, { service: 'a' }],
    [
      'OTEL_SERVICE_NAME',
      { OTEL_SERVICE_NAME: 'o', OTEL_RESOURCE_ATTRIBUTES: 'service.name=a,service.version=3' },
      { service: 'o', version: '3' },
    ],
    ['empty is unset', { OTEL_SERVICE_NAME: ' ', SERVICE_NAME: '', DD_SERVICE: 'd' }, { service: 'd' }],
    [
      'the deployment before NODE_ENV',
      { NODE_ENV: 'production', RAILWAY_ENVIRONMENT: 'staging' },
      { env: 'staging' },
    ],
    ['DEPLOYMENT_ENV first', { RAILWAY_ENVIRONMENT: 'a', DEPLOYMENT_ENV: 'b' }, { env: 'b' }],
    ['the platform before the S3 region', { AWS_REGION: 'eu-1', RAILWAY_REGION: 'us-2' }, { region: 'us-2' }],
    ['PM2', { NODE_APP_INSTANCE: '0' }, { worker_id: '0' }],
    ['a bind address is no host', { HOSTNAME: '0.0.0.0' }, { host: hostname() }],
    [
      'new attribute names before old',
      { OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=old,deployment.environment.name=new' },
      { env: 'new' },
    ],
    [
      'all attributes',
      { OTEL_RESOURCE_ATTRIBUTES: 'cloud.region=r,host.name=h,host.id=i,x=y', MACHINE_ID: 'm' },
      { region: 'r', host: 'h', machine_id: 'i' },
    ],
  ])('%s', (_name, env, expected) => expect(read(env)).toMatchObject(expected))

  it('lets the code beat them all', () => {
    const env = { OTEL_SERVICE_NAME: 'o', NODE_ENV: 'production' }
    expect(read(env, { service: 'code', env: 'test', pid: 1 })).toMatchObject({
      service: 'code',
      env: 'test',
      pid: 1,
    })
  })
})

describe('OTEL_RESOURCE_ATTRIBUTES', () => {
  function readAttributes(text: string) {
    const problems: EnvironmentProblem[] = []
    const env = { OTEL_RESOURCE_ATTRIBUTES: text }
    const identity = readIdentity(env, { script, warn: (problem) => problems.push(problem) })
    return { identity, problems }
  }

  it('is percent-decoded', () => {
    const { identity, problems } = readAttributes(' service.name = a%2Cb%3Dc%20d ,service%2Eversion=4,')
    expect(identity).toMatchObject({ service: 'a,b=c d', version: '4' })
    expect(problems).toEqual([])
  })

  test.each(['service.name=a,x=%E0%A4%A', 'service.name=a,b', 'service.name=a=b', 'service.name=a,=b', '%'])(
    'is discarded whole for %j, with a warning',
    (text) => {
      const { identity, problems } = readAttributes(text)
      expect(identity.service).toBe('@acme/shop')
      expect(problems).toMatchObject([{ variable: 'OTEL_RESOURCE_ATTRIBUTES', value: text }])
    },
  )

  it('never throws, whatever it holds', () => {
    const piece = fc.constantFrom('service.name', '=', ',', '%', '%2', '%41', '%FF', 'é', ' ')
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(piece).map((pieces) => pieces.join('')),
    )
    fc.assert(
      fc.property(text, (value) => {
        expect(readAttributes(value).identity.service).not.toBe('')
      }),
      { numRuns: Number(process.env.SPOOR_RUNS ?? 300) },
    )
  })
})

describe('package.json', () => {
  const serviceOf = (options: { script?: string; cwd?: string }, env = {}) =>
    readIdentity(env, options).service

  it('is the nearest with a name', () => expect(serviceOf({ script })).toBe('@acme/shop'))

  it('is found through a link to the program', () => {
    const link = join(root, 'link.js')
    symlinkSync(script, link)
    expect(serviceOf({ script: link })).toBe('@acme/shop')
  })

  it("is the working directory's where the program is a tool in node_modules", () => {
    expect(serviceOf({ script: tool, cwd: join(root, 'shop/dist') })).toBe('@acme/shop')
    expect(serviceOf({ script: tool, cwd: root })).toBe('monorepo')
  })

  it("is the working directory's where the program does not exist", () => {
    expect(serviceOf({ script: join(root, 'gone.js'), cwd: root })).toBe('monorepo')
  })

  test.each(['{', '[]', 'null', '{"name":7}', '{"name":""}', `{"name":"x","y":"${'y'.repeat(1 << 20)}"}`])(
    'is passed over where it is not one (%#)',
    (content) => {
      const inner = file('shop/odd/main.js', '')
      file('shop/odd/package.json', content)
      expect(serviceOf({ script: inner })).toBe('@acme/shop')
    },
  )

  it('missing gives way to npm_package_name, and that to unknown_service', () => {
    const nowhere = { script: '/nowhere/main.js', cwd: '/' }
    expect(readIdentity({ npm_package_name: 'n', npm_package_version: '5' }, nowhere)).toMatchObject({
      service: 'n',
      version: '5',
    })
    expect(serviceOf(nowhere)).toMatch(/^unknown_service:node/)
  })

  it('missing together with the working directory does not throw', () => {
    const code = `
      import { readIdentity } from ${JSON.stringify(bundled())}
      import { mkdirSync, rmdirSync } from 'node:fs'
      const gone = ${JSON.stringify(join(root, 'gone'))}
      mkdirSync(gone); process.chdir(gone); rmdirSync(gone)
      console.log(readIdentity({}, { script: '/nowhere.js' }).service)`
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' })
    expect(output).toMatch(/^unknown_service:node/)
  })
})

function bundled(): string {
  const out = join(root, 'identity.mjs')
  const entry = join(import.meta.dirname, '../../src/config/identity.ts')
  execFileSync('npx', ['esbuild', entry, '--bundle', '--platform=node', '--format=esm', `--outfile=${out}`], {
    stdio: 'pipe',
  })
  return out
}
