import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

// docs/security.md: each promise points to its test.

const root = fileURLToPath(new URL('..', import.meta.url))
const page = readFileSync(join(root, 'docs/security.md'), 'utf8')
const promises = page.slice(page.indexOf('## What is promised'), page.indexOf('## What is not promised'))
const rows = promises
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| promise'))
  .map((line) => line.split(' | '))

it('has a test for every promise', () => {
  expect(rows.length).toBeGreaterThan(20)
  expect(rows.filter(([, test = '']) => !/test\/[\w/-]+\.test\.ts/.test(test))).toEqual([])
})

it('names tests and pages that are there', () => {
  const tests = [...page.matchAll(/`(test\/[\w./-]+)`/g)].map(([, name = '']) => name)
  const pages = [...page.matchAll(/\]\(([\w-]+\.md)\)/g)].map(([, name = '']) => `docs/${name}`)
  const missing = [...tests, ...pages].filter((name) => !existsSync(join(root, name)))
  expect(missing).toEqual([])
})
