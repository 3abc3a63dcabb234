import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A real small file system of its own, until the test ends; needs root. @param size as mount(8) takes it */
export function tmpfs(size: string): string {
  const disk = mountPoint()
  mount('-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', disk)
  return disk
}

/** An ext4 in a file, which turns read-only at its first error, as a root file system does. */
export function ext4(): { disk: string; fail(): void; repair(): void } {
  const disk = mountPoint()
  const image = `${disk}.img`
  writeFileSync(image, '')
  truncateSync(image, 16 * 1024 * 1024)
  onTestFinished(() => rmSync(image))
  execFileSync('mkfs.ext4', ['-q', '-F', image])
  const attach = (): void => mount('-o', 'loop,errors=remount-ro', image, disk)
  attach()
  return {
    disk,
    fail() {
      execFileSync('sync', ['-f', disk])
      const device = execFileSync('findmnt', ['-n', '-o', 'SOURCE', disk], { encoding: 'utf8' }).trim()
      writeFileSync(`/sys/fs/ext4/${basename(device)}/trigger_fs_error`, '1')
    },
    repair() {
      execFileSync('umount', [disk])
      // 1: errors were corrected.
      const { status, stdout, stderr } = spawnSync('e2fsck', ['-p', '-f', image], { encoding: 'utf8' })
      if (status !== 0 && status !== 1) throw new Error(`e2fsck: ${stdout}${stderr}`)
      attach()
    },
  }
}

export function mount(...args: string[]): void {
  execFileSync('mount', args, { stdio: ['ignore', 'ignore', 'inherit'] })
}

function mountPoint(): string {
  const disk = mkdtempSync(join(tmpdir(), 'spoor-disk-'))
  onTestFinished(() => {
    // Lazily, since a test that fails leaves its file open.
    spawnSync('umount', ['-l', disk])
    rmSync(disk, { recursive: true })
  })
  return disk
}
