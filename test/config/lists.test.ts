import { expect, test } from 'vitest'
import { parseKeys, parseLabels, parsePropagation, parseTrust } from '../../src/config/lists.ts'

test.each([
  ['time:timestamp,msg:message', { time: 'timestamp', msg: 'message' }, []],
  ['time:msg,msg:time', { time: 'msg', msg: 'time' }, []],
  ['a:x,b:x', { a: 'x' }, ['b:x']],
  ['order:level', {}, ['order:level']],
  ['time:msg,msg:level', {}, ['msg:level', 'time:msg']],
  ['time', {}, ['time']],
  ['time:,:x,a"b:c', {}, ['time:', ':x', 'a"b:c']],
  ['time:t,time:u', { time: 't' }, ['time:u']],
])('keys %j', (text, value, wrong) => {
  const parsed = parseKeys(text)
  expect({ ...parsed.value }).toEqual(value)
  expect(parsed.wrong).toEqual(wrong)
})

test.each([
  ['miniapp=shop,module=store', { miniapp: 'shop', module: 'store' }, []],
  ['url=http://a/?b=c', { url: 'http://a/?b=c' }, []],
  ['trace_id=1,team=a', { team: 'a' }, ['trace_id=1']],
  ['team', {}, ['team']],
  ['team=', {}, ['team=']],
  ['a=1,a=2', { a: '1' }, ['a=2']],
])('labels %j', (text, value, wrong) => {
  const parsed = parseLabels(text)
  expect({ ...parsed.value }).toEqual(value)
  expect(parsed.wrong).toEqual(wrong)
})

test.each([
  ['all', 'all', []],
  ['NONE', 'none', []],
  ['loopback, 10.0.0.0/8,::1,fd00::/8', ['loopback', '10.0.0.0/8', '::1', 'fd00::/8'], []],
  ['10.0.0.0/33,10.0.0.1', ['10.0.0.1'], ['10.0.0.0/33']],
  ['all,10.0.0.1', ['10.0.0.1'], ['all']],
  ['proxy.example.com', 'none', ['proxy.example.com']],
  ['10.0.0.0/', 'none', ['10.0.0.0/']],
  ['::/129,1.2.3.4/8/8', 'none', ['::/129', '1.2.3.4/8/8']],
])('trust %j', (text, value, wrong) => expect(parseTrust(text)).toEqual({ value, wrong }))

test.each([
  ['off', 'off', []],
  ['Own', 'own', []],
  ['own,API.example.com,*.example.org,10.0.0.1', ['own', 'api.example.com', '*.example.org', '10.0.0.1'], []],
  ['*', undefined, ['*']],
  ['off,api', ['api'], ['off']],
  ['https://a.example', undefined, ['https://a.example']],
  ['a*.example', undefined, ['a*.example']],
])('propagation %j', (text, value, wrong) => expect(parsePropagation(text)).toEqual({ value, wrong }))
