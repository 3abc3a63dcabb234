import { describe, expect, it } from 'vitest'
import { expandPath } from '../../src/config/placeholders.ts'

const { pid } = process

describe('a path with placeholders', () => {
  it.each([
    ['logs/app.log', {}, 'logs/app.log'],
    ['logs/app.{pid}.log', {}, `logs/app.${pid}.log`],
    ['logs/{instance}/app.log', { NODE_APP_INSTANCE: '3', WORKER_ID: 'w' }, 'logs/3/app.log'],
    ['app-{instance}.log', { WORKER_ID: 'w/../7' }, 'app-w_.._7.log'],
    ['app-{instance}.log', { NODE_APP_INSTANCE: '', MACHINE_ID: 'm1' }, 'app-m1.log'],
    ['app-{instance}.log', {}, 'app-0.log'],
  ])('%s with %j is %s', (path, env, expected) => {
    expect(expandPath(path, env, 'path').path).toBe(expected)
  })

  it('says what the files of all processes are called, and no others', () => {
    const { stem } = expandPath('logs/a+b.{pid}.log', {}, 'path')
    const whole = new RegExp(`^(?:${stem?.source})$`)
    for (const name of ['a+b.1', `a+b.${pid}`, 'a+b.77-2']) expect(name).toMatch(whole)
    for (const name of ['a+b.x', 'aab.1', 'a+b.', 'a+b.1.debug', 'a+b.1-']) expect(name).not.toMatch(whole)
    expect(expandPath('logs/app.log', {}, 'path').stem).toBeUndefined()
    expect(expandPath('logs/{pid}/app.log', {}, 'path').stem).toBeUndefined()
    expect(expandPath('logs/app.{instance}.log', {}, 'path').stem).toBeUndefined()
  })

  it.each(['logs/app-{date}.log', 'logs/{PID}.log', '{}.log'])('%s is refused', (path) => {
    expect(() => expandPath(path, {}, 'fileTransport({ path })')).toThrow('{pid} and {instance}')
  })
})
