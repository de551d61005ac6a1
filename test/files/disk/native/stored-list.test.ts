import { execFileSync } from 'node:child_process'
import { closeSync, openSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { loadLibc } from '../../../../lib/files/disk/native/libc.js'
import { parseList, storedList } from '../../../../lib/files/disk/native/stored-list.js'
import { nodeFileSystem } from '../../../../lib/files/index.js'
import { temporary } from '../../../helpers/folders.js'

/** The bytes of a list: what each entry is for, its rights, and the number of a user or group. */
function stored(entries: [tag: number, rights: number, id?: number][], format = 2): Buffer {
  const bytes = Buffer.alloc(4 + 8 * entries.length)
  bytes.writeUInt32LE(format)
  for (const [i, [tag, rights, id = 0xffffffff]] of entries.entries()) {
    bytes.writeUInt16LE(tag, 4 + 8 * i)
    bytes.writeUInt16LE(rights, 6 + 8 * i)
    bytes.writeUInt32LE(id, 8 + 8 * i)
  }
  return bytes
}

const OWNER: [number, number] = [0x01, 6]
const OTHERS: [number, number] = [0x20, 4]

test('of a list that is stored is told what the mode does not say, in its order', (t) => {
  const list = stored([
    OWNER,
    [0x02, 6, 7],
    [0x02, 0, 0xfffffffe],
    [0x04, 4],
    [0x08, 5, 12],
    [0x10, 7],
    OTHERS,
  ])
  t.is(parseList(list), 'user:7:rw- user:4294967294:--- group::r-- group:12:r-x')
})

test('a list that names nobody is none', (t) => {
  t.is(parseList(stored([OWNER, [0x04, 4], OTHERS])), null)
})

test('of what is no list, or one of another format, nothing is told', (t) => {
  const list = stored([OWNER, [0x04, 4], [0x10, 4], OTHERS])
  t.is(parseList(list.subarray(0, -1)), undefined)
  t.is(parseList(Buffer.alloc(0)), undefined)
  t.is(parseList(stored([OWNER, [0x04, 4], [0x10, 4], OTHERS], 3)), undefined)
})

const hasTools = (() => {
  try {
    execFileSync('setfacl', ['--version'])
    return loadLibc() !== null
  } catch {
    return false
  }
})()
const withTools = hasTools ? test : test.skip

withTools(
  'the list of a file is told by path and by handle; through a link, and of nothing, none is',
  async (t) => {
    const dir = await temporary(t)
    for (const name of ['with', 'without']) writeFileSync(join(dir, name), '')
    execFileSync('setfacl', ['-m', 'u:12345:r,g:12346:rwx', join(dir, 'with')])
    symlinkSync('with', join(dir, 'link'))
    const list = 'user:12345:r-- group::r-- group:12346:rwx'
    const fd = openSync(join(dir, 'with'), 'r')
    t.teardown(() => closeSync(fd))
    t.is(await storedList(join(dir, 'with')), list)
    t.is(await storedList(fd), list)
    t.is(await storedList(join(dir, 'without')), null)
    t.is(await storedList(join(dir, 'link')), null)
    t.is(await storedList(join(dir, 'none')), undefined)
    t.is(await storedList('/proc/self/status'), null)
  },
)

const serially = hasTools ? test.serial : test.serial.skip
serially('no process is started for a list', async (t) => {
  const file = join(await temporary(t), 'f')
  writeFileSync(file, '')
  execFileSync('setfacl', ['-m', 'u:12345:r', file])
  const { PATH } = process.env
  process.env.PATH = '/nowhere'
  t.is(await nodeFileSystem.accessList!(file), 'user:12345:r-- group::r--')
  process.env.PATH = PATH
})

withTools('many are asked about at once', async (t) => {
  const dir = await temporary(t)
  const files = Array.from({ length: 300 }, (_, i) => join(dir, `${i}`))
  for (const file of files) writeFileSync(file, '')
  execFileSync('setfacl', ['-m', 'u:12345:r', ...files.filter((_, i) => i % 3 === 0)])
  const lists = await Promise.all(files.map((file) => storedList(file)))
  for (const [i, list] of lists.entries())
    t.is(list, i % 3 === 0 ? 'user:12345:r-- group::r--' : null, `${i}`)
})

withTools('a list of very many entries is told whole', async (t) => {
  const file = join(await temporary(t), 'f')
  writeFileSync(file, '')
  const entries = Array.from({ length: 300 }, (_, i) => `${20000 + i}:r--`)
  execFileSync('setfacl', ['-m', entries.map((entry) => `u:${entry}`).join(','), file])
  t.is(await storedList(file), [...entries.map((entry) => `user:${entry}`), 'group::r--'].join(' '))
})
