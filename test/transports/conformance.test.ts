import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { checkTransport, type TransportUnderTest, transportChecks } from '../../src/testing/transport-kit.ts'
import { consoleTransport } from '../../src/transports/console.ts'
import { fileTransport } from '../../src/transports/file.ts'
import { memoryTransport } from '../../src/transports/memory.ts'
import { streamTransport } from '../../src/transports/stream.ts'

function linesOf(text: string): string[] {
  return text === '' ? [] : text.split(/(?<=\n)/)
}

function inDirectory(make: (directory: string) => Omit<TransportUnderTest, 'cleanup'>): TransportUnderTest {
  const directory = mkdtempSync(join(tmpdir(), 'spoor-'))
  return { ...make(directory), cleanup: () => rmSync(directory, { recursive: true }) }
}

function file(): TransportUnderTest {
  return inDirectory((directory) => {
    const path = join(directory, 'deep/app.log')
    return {
      transport: fileTransport({ path }),
      local: true,
      lines: () => linesOf(readFileSync(path, 'utf8')),
    }
  })
}

function consoleOnDescriptor(): TransportUnderTest {
  return inDirectory((directory) => {
    const path = join(directory, 'stdout')
    const fd = openSync(path, 'a')
    return {
      transport: consoleTransport({ fd, format: 'json' }),
      local: true,
      lines: () => linesOf(readFileSync(path, 'utf8')),
    }
  })
}

function memory(): TransportUnderTest {
  const transport = memoryTransport()
  return { transport, local: true, lines: () => [...transport.lines] }
}

function stream(highWaterMark: number): () => TransportUnderTest {
  return () => {
    let text = ''
    const writable = new Writable({
      highWaterMark,
      decodeStrings: false,
      write(chunk, _encoding, done) {
        setImmediate(() => {
          text += chunk
          done()
        })
      },
    })
    return { transport: streamTransport(writable), local: false, lines: () => linesOf(text) }
  }
}

const transports: Record<string, () => TransportUnderTest> = {
  file,
  'console on a descriptor': consoleOnDescriptor,
  memory,
  'stream that takes all': stream(64 * 1024 * 1024),
}

for (const [name, make] of Object.entries(transports)) {
  describe(name, () => {
    for (const check of transportChecks) it(check.name, () => check.run(make))
  })
}

describe('stream with back-pressure', () => {
  // flushSync can't empty a stream that asks to wait.
  for (const check of transportChecks.filter((each) => each.name !== 'holds nothing after flushSync')) {
    it(check.name, () => check.run(stream(16)))
  }
})

describe('the kit', () => {
  it('finds every promise that a transport breaks', async () => {
    const arrived: string[] = []
    const broken = await checkTransport(() => ({
      transport: {
        name: '',
        write: (line) => void setTimeout(() => arrived.unshift(line)),
        close: async () => {},
        stats: () => ({ records: 0, bytes: 0, dropped: 0, buffered: 7 }),
      },
      local: true,
      lines: () => arrived,
    }))
    expect(broken.map(({ name }) => name)).toEqual(transportChecks.map(({ name }) => name))
  })
})
