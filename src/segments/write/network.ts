import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * File systems whose clients make O_APPEND out of a look at the size and a write (open(2), NFS), or leave it to a
 * server that may. The numbers are the kernel's (linux/magic.h, statfs(2)).
 */
const NETWORK: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x01021997, '9p'],
  [0x65735546, 'FUSE'],
  [0x5346414f, 'AFS'],
  [0x73757245, 'Coda'],
  [0x0bd00bd0, 'Lustre'],
])

/** The name of the network file system that a file is on; undefined on any other, and where it can't be told. */
export function networkFileSystem(path: string): string | undefined {
  try {
    return NETWORK.get(statfsSync(dirname(path)).type >>> 0)
  } catch {
    return undefined
  }
}
