import type { Transport } from '../transports/transport.ts'

/** A transport to check, and the way to see what has arrived behind it. */
export interface TransportUnderTest {
  readonly transport: Transport
  /** What has arrived where the transport writes, whole lines each with its newline, oldest first. */
  lines(): Promise<string[]> | string[]
  /** True where the operating system has a line before `write` returns at error and above, and `lines` sees it. */
  readonly local: boolean
  /** Removes what the check left. */
  cleanup?(): Promise<void> | void
}

/** One promise of the transport interface. It throws an Error that says what was broken. */
export interface TransportCheck {
  readonly name: string
  run(make: () => Promise<TransportUnderTest> | TransportUnderTest): Promise<void>
}

const INFO = 30
const ERROR = 50
const LONG = 300_000
const MANY = 2000

function lineOf(n: number, msg: string): string {
  return `${JSON.stringify({ level: 'info', n, msg })}\n`
}

function must(holds: boolean, message: string): void {
  if (!holds) throw new Error(message)
}

function mustArrive(arrived: readonly string[], sent: readonly string[], when: string): void {
  must(arrived.length === sent.length, `${arrived.length} lines of ${sent.length} had arrived ${when}`)
  const wrong = sent.findIndex((line, i) => arrived[i] !== line)
  must(wrong === -1, `line ${wrong} is not the one that was written there, ${when}`)
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Ends after the flush that `write` asked for at the end of this turn. */
async function endOfTurn(): Promise<void> {
  await turn()
  await turn()
}

function check(name: string, body: (subject: TransportUnderTest) => Promise<void>): TransportCheck {
  return {
    name,
    async run(make) {
      const subject = await make()
      try {
        subject.transport.attach?.({ report: () => {} })
        await body(subject)
      } finally {
        await subject.transport.close?.()
        await subject.cleanup?.()
      }
    },
  }
}

/**
 * What every transport promises (`Transport`), as checks for any test runner:
 * `for (const { name, run } of transportChecks) it(name, () => run(make))`. Each makes a transport of its own.
 */
export const transportChecks: readonly TransportCheck[] = [
  check('has a name', async ({ transport }) => {
    must(typeof transport.name === 'string' && transport.name !== '', 'its name is empty')
  }),

  check('hands over what a turn wrote, in order, when the turn ends', async ({ transport, lines, local }) => {
    const sent = Array.from({ length: MANY }, (_, n) => lineOf(n, 'of a turn'))
    for (const line of sent) transport.write(line, INFO)
    await endOfTurn()
    if (!local) await transport.flush?.()
    mustArrive(await lines(), sent, 'after the turn')
  }),

  check('hands over error before write returns, and with it all before it', async (subject) => {
    const { transport, lines, local } = subject
    const sent = [lineOf(0, 'before'), lineOf(1, 'the error')]
    transport.write(sent[0] as string, INFO)
    transport.write(sent[1] as string, ERROR)
    if (!local) await transport.flush?.()
    mustArrive(await lines(), sent, 'when write had returned')
  }),

  check('keeps the order over levels, turns and sizes', async ({ transport, lines }) => {
    const sent: string[] = []
    for (let n = 0; n < 60; n++) {
      const line = lineOf(n, n % 20 === 7 ? 'x'.repeat(LONG) : 'short')
      sent.push(line)
      transport.write(line, ((n % 6) + 1) * 10)
      if (n % 9 === 0) await turn()
    }
    await transport.flush?.()
    mustArrive(await lines(), sent, 'after flush')
  }),

  check('leaves every character as it was', async ({ transport, lines }) => {
    const sent = [lineOf(0, 'zażółć 日本語 🦌 \u2028 \u0000 \u009b'), lineOf(1, '🦌'.repeat(20_000))]
    for (const line of sent) transport.write(line, INFO)
    await transport.flush?.()
    mustArrive(await lines(), sent, 'after flush')
  }),

  check('holds nothing after flushSync', async ({ transport }) => {
    for (let n = 0; n < 10; n++) transport.write(lineOf(n, 'held'), INFO)
    transport.flushSync?.()
    must(transport.stats().buffered === 0, `${transport.stats().buffered} units are still held`)
  }),

  check('resolves every flush, also together and with nothing written', async ({ transport, lines }) => {
    await transport.flush?.()
    transport.write(lineOf(0, 'once'), INFO)
    await Promise.all([transport.flush?.(), transport.flush?.(), transport.flush?.()])
    mustArrive(await lines(), [lineOf(0, 'once')], 'after flush')
  }),

  check('counts records and bytes', async ({ transport }) => {
    const sent = [lineOf(0, 'plain'), lineOf(1, 'größer als 🦌')]
    for (const line of sent) transport.write(line, INFO)
    await transport.flush?.()
    const { records, bytes, dropped, buffered } = transport.stats()
    const expected = new TextEncoder().encode(sent.join('')).length
    must(records === 2, `records is ${records}, not 2`)
    must(bytes === expected, `bytes is ${bytes}, not the ${expected} of UTF-8`)
    must(dropped === 0 && buffered === 0, `dropped is ${dropped} and buffered ${buffered}, not 0`)
  }),

  check('hands over what is left when it is closed, then only counts', async ({ transport, lines }) => {
    if (transport.close === undefined) return
    transport.write(lineOf(0, 'before'), INFO)
    await transport.close()
    transport.write(lineOf(1, 'after'), INFO)
    transport.write(lineOf(2, 'after'), ERROR)
    await endOfTurn()
    mustArrive(await lines(), [lineOf(0, 'before')], 'after close')
    const { records, dropped } = transport.stats()
    must(records === 3 && dropped === 2, `records is ${records} and dropped ${dropped}, not 3 and 2`)
    await transport.close()
  }),
]

/** Runs every check and returns the broken promises: an empty list is a pass. */
export async function checkTransport(
  make: () => Promise<TransportUnderTest> | TransportUnderTest,
): Promise<{ name: string; error: Error }[]> {
  const broken: { name: string; error: Error }[] = []
  for (const { name, run } of transportChecks) {
    try {
      await run(make)
    } catch (error) {
      broken.push({ name, error: error as Error })
    }
  }
  return broken
}
