import { dirname, join } from 'node:path'
import test from 'ava'
import { ownerOfTemporary, temporaryName, tempPath } from '../../../lib/files/index.js'
import { type Owner, thisOwner } from '../../../lib/files/own/owner.js'
import { asideName, parseAsideName } from '../../../lib/files/own/temporary-name.js'

test('a temporary name says whose it is, whatever its prefix, and no two are the same', (t) => {
  const { token: _, ...me } = thisOwner()
  const seen = new Set<string>()
  for (const prefix of [
    '',
    'a',
    '.',
    'a.b-c',
    'deadbeef',
    '1f-2',
    '.sluice-tmp',
    'ä',
    'x'.repeat(300),
    '😀'.repeat(90),
  ]) {
    const name = temporaryName({ prefix })
    t.true(name.startsWith('.'))
    t.true(Buffer.byteLength(name) <= 255)
    t.true(name.isWellFormed())
    t.like(ownerOfTemporary(name), me, name)
    seen.add(ownerOfTemporary(name)!.token)
  }
  t.is(seen.size, 10)
  const owner: Owner = { pid: 77, start: '', host: 'abc', boot: '', token: '12' }
  t.deepEqual(ownerOfTemporary(temporaryName({ owner })), owner)
})

test('what is not ours is not taken for it', (t) => {
  const name = temporaryName()
  const strangers = [
    '',
    'sluice-tmp',
    '.sluice-tmp',
    'x.sluice-tmp',
    '.report.sluice-tmp',
    name.slice(1),
    `${name}.bak`,
    `${name}x`,
    name.replace('.sluice-tmp', '.tmp'),
    name.replace('-', '+'),
    '.1-2-3-4.sluice-tmp',
    '.1-2-3-4-.sluice-tmp',
    '.g-2-3-4-5.sluice-tmp',
  ]
  for (const stranger of strangers) t.is(ownerOfTemporary(stranger), undefined, stranger)
})

test('the name of a folder aside says which file replaces it and whose it is, and nothing else is taken for one', (t) => {
  const { token: _, ...me } = thisOwner()
  const owner: Owner = { pid: 77, start: '', host: 'abc', boot: '', token: '12' }
  t.deepEqual(parseAsideName(asideName(0x1fn, owner)), { ino: 0x1fn, owner })
  const name = asideName(2n ** 64n - 1n)
  t.like(parseAsideName(name), { ino: 2n ** 64n - 1n, owner: me })
  t.not(asideName(1n), asideName(1n))
  const strangers = [
    '.sluice-aside-1f-0123456789abcdef',
    '.sluice-aside-1-2-3-4-5-6-7',
    '.sluice-aside--1-2-3-4-5',
    name.slice(1),
    `${name}\n`,
    `${name}.bak`,
    `x${name}`,
    name.toUpperCase(),
    temporaryName(),
  ]
  for (const stranger of strangers) t.is(parseAsideName(stranger), undefined, stranger)
})

test('a path for a temporary file is beside its target, or in the folder that was asked for', (t) => {
  t.regex(tempPath('/d/report.pdf', { prefix: 'report' }), /^\/d\/\.report\.[0-9a-f-]+\.sluice-tmp$/)
  t.regex(tempPath('/d/report.pdf', { dir: '/tmp' }), /^\/tmp\/\.[0-9a-f-]+\.sluice-tmp$/)
  t.is(dirname(tempPath('x')), process.cwd())
  t.is(dirname(tempPath('/d/x', { dir: 'e' })), join(process.cwd(), 'e'))
  for (const prefix of ['a/b', '..\\', 'c:', '\0', 'a*', '<b>', '\n']) {
    t.throws(() => tempPath('/d/x', { prefix }), { code: 'ERR_USAGE', message: /^prefix/ })
  }
  t.throws(() => tempPath(''), { code: 'ERR_USAGE' })
  t.throws(() => tempPath('x', { dir: '' }), { code: 'ERR_USAGE' })
})
