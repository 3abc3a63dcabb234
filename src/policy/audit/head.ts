import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isNeedless, makeDurable, openNew, syncFlag } from '../../segments/durable.ts'
import { hiddenName, temporaryName } from '../../segments/names.ts'
import { syncDirectory as syncDirectoryLater } from '../../segments/upkeep/remove.ts'
import { syncDirectory } from '../../segments/write/open.ts'
import { hashOf, type Sealed } from './link.ts'
import { inTurn, inTurnNow } from './turn.ts'

const { O_CREAT, O_EXCL, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants

/** What the head file says: the last record that was durable. */
export type Head = Pick<Sealed, 'seq' | 'hash'>

/** One that was not made with the key at hand: who has the other can check it. */
export interface ForeignHead extends Head {
  readonly mac: string
}

/** The file that keeps the number and the hash of the last record. */
export interface HeadFile {
  /** What stands there. @throws an errno error other than ENOENT */
  read(): Head | ForeignHead | 'none' | 'invalid'
  /** Makes it say this, unless it says a later one, durably. @throws an errno error */
  write(head: Head): Promise<void>
  /** The same, blocking, for the process's end. */
  writeNow(head: Head): void
}

const HEAD =
  /^\{"seq":([1-9]\d{0,15}),"hash":"((?:sha256|hmac)-[0-9a-f]{64})","mac":"([a-z0-9]+-[0-9a-f]{64})"\}\n$/

/** Replaced whole, so that it is never torn; one process at a time, so that it never goes back. */
export function createHeadFile(path: string, key: string | undefined, mode: number): HeadFile {
  const turn = { path: hiddenName(path, 'lock'), mode }

  function isThere({ seq }: Head): boolean {
    const present = readHead(path, key)
    return typeof present === 'object' && present.seq >= seq
  }

  return {
    read() {
      const said = parseHead(path)
      return typeof said === 'object' && isMadeWith(said, said.mac, [key])
        ? { seq: said.seq, hash: said.hash }
        : said
    },
    write: (head) =>
      inTurn(turn, async () => {
        if (!isThere(head)) await replace(path, textOf(head, key), mode)
      }),
    writeNow: (head) =>
      inTurnNow(turn, () => {
        if (!isThere(head)) replaceNow(path, textOf(head, key), mode)
      }),
  }
}

/** Reads a head file. A wrong MAC, or any other text, is invalid. @throws an errno error other than ENOENT */
export function readHead(path: string, ...keys: readonly (string | undefined)[]): Head | 'none' | 'invalid' {
  const said = parseHead(path)
  return typeof said === 'string' || isMadeWith(said, said.mac, keys) ? said : 'invalid'
}

/** Whether one of the keys (undefined: none) made it. */
export function isMadeWith(head: Head, mac: string, keys: readonly (string | undefined)[]): boolean {
  return keys.some((key) => macOf(head, key) === mac)
}

function parseHead(path: string): ForeignHead | 'none' | 'invalid' {
  let text: string
  try {
    text = textAt(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'none'
    throw error
  }
  const [, seq, hash, mac] = HEAD.exec(text) ?? []
  if (seq === undefined || hash === undefined || mac === undefined) return 'invalid'
  return { seq: Number(seq), hash, mac }
}

/** '' for a FIFO or a device: reading would wait for whoever writes to it. */
function textAt(path: string): string {
  const fd = openSync(path, O_RDONLY | O_NONBLOCK)
  try {
    const stats = fstatSync(fd)
    return stats.isFile() || stats.isDirectory() ? readFileSync(fd, 'latin1') : ''
  } finally {
    closeSync(fd)
  }
}

// Another text than any record is, so that no record's hash is a head's.
function macOf({ seq, hash }: Head, key: string | undefined): string {
  return hashOf(`spoor audit head ${seq} ${hash}`, key)
}

function textOf(head: Head, key: string | undefined): string {
  return `{"seq":${head.seq},"hash":"${head.hash}","mac":"${macOf(head, key)}"}\n`
}

async function replace(path: string, text: string, mode: number): Promise<void> {
  const temporary = temporaryName(path)
  const handle = await openNew(temporary, mode)
  try {
    try {
      await handle.writeFile(text)
      await makeDurable(handle)
    } finally {
      await handle.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw error
  }
  await syncDirectoryLater(dirname(path))
}

function replaceNow(path: string, text: string, mode: number): void {
  const temporary = temporaryName(path)
  const fd = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | syncFlag(), mode)
  try {
    try {
      writeSync(fd, text)
      syncNow(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(temporary, path)
  } catch (error) {
    try {
      unlinkSync(temporary)
    } catch {
      // What failed first says why.
    }
    throw error
  }
  syncDirectory(dirname(path))
}

function syncNow(fd: number): void {
  try {
    fsyncSync(fd)
  } catch (error) {
    if (!isNeedless(error)) throw error
  }
}
