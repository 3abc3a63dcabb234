import { describe, expect, it } from 'vitest'
import { accessOf } from '../../../src/shipping/presets/credentials.ts'
import { answer } from './verdicts.ts'

const RULES = { path: '/push', headers: { 'content-type': 'text/plain' } }
const access = (url: string, options: object = {}) => accessOf('x', { url: new URL(url), ...options }, RULES)

describe('what requests are made with', () => {
  it('adds the path where there is none, keeps one that is there, and the query', () => {
    expect(access('https://h.example').url.href).toBe('https://h.example/push')
    expect(access('https://h.example/').url.href).toBe('https://h.example/push')
    expect(access('https://h.example/own?a=1#part').url.href).toBe('https://h.example/own?a=1')
  })

  it('makes Basic authorisation of user and password, and takes them out of the URL', () => {
    const { url, headers } = access('https://us%40er:p%3Aass%C3%BC@h.example')
    expect(url.href).toBe('https://h.example/push')
    expect(headers.authorization).toBe(`Basic ${Buffer.from('us@er:p:assü').toString('base64')}`)
  })

  it('takes a % that encodes nothing as it is', () => {
    expect(access('https://u:100%@h.example').headers.authorization).toBe(`Basic ${btoa('u:100%')}`)
  })

  it('lets a token beat the URL, and headers both', () => {
    expect(access('https://u:p@h.example', { token: ' t0ken\n' }).headers.authorization).toBe('Bearer t0ken')
    const headers = { Authorization: 'Own x', 'Content-Type': 'a/b' }
    expect(access('https://h.example', { token: 't', headers }).headers).toEqual({
      authorization: 'Own x',
      'content-type': 'a/b',
    })
    expect(access('https://h.example', { token: '  ' }).headers.authorization).toBeUndefined()
  })

  it.each([
    ['a token', { token: 'se\ncret' }],
    ['a token', { token: 'secrét' }],
    ['a header', { headers: { 'x-key': 'se\r\ncret' } }],
    ["a header's name", { headers: { 'x key': 'a' } }],
  ])('refuses %s that HTTP can not carry, without showing it', (_name, options) => {
    expect(() => access('https://h.example', options)).toThrow(
      expect.objectContaining({ code: 'ERR_SPOOR_OPTION', message: expect.not.stringContaining('cr') }),
    )
  })

  it('hides what is secret from an answer that repeats it', () => {
    const { hide } = access('https://us%40er:p%3Ass@h.example', {
      headers: { 'X-Api-Key': 'api-key-1', cookie: 'a=b; sid=1234', accept: 'text/plain' },
    })
    const basic = Buffer.from('us@er:p:ss').toString('base64')
    const body = `Basic ${basic}|${basic}|p:ss|p%3Ass|api-key-1|a=b; sid=1234|text/plain`
    const { body: seen, headers } = hide(answer(500, body, { location: `/login?was=${basic}`, date: 'now' }))
    expect(seen).toBe('[hidden]|[hidden]|[hidden]|[hidden]|[hidden]|[hidden]|text/plain')
    expect(headers).toEqual({ location: '/login?was=[hidden]', date: 'now' })
    expect(access('https://h.example', { token: 'token-1' }).hide(answer(401, 'token-1 is wrong')).body).toBe(
      '[hidden] is wrong',
    )
  })
})
