import { execFile, execFileSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { copyFile } from '../../../lib/files/disk/move-file.js'
import {
  type FileSystem,
  FileTransaction,
  nodeFileSystem,
  renameAtomic,
  restoreBackup,
  rotateFile,
  updateJson,
  writeFileAtomic,
} from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { temporary } from '../../helpers/folders.js'

/** A disk whose files have the lists that `listOf` says, by path; those that are being made have that of 'new'. */
function withLists(disk: MemoryDisk, lists: Record<string, string>): FileSystem {
  const opened = new Map<number, string>()
  const listOf = (file: string | number) =>
    typeof file === 'string' ? lists[file] : (lists[opened.get(file)!] ?? lists.new)
  const open: FileSystem['open'] = async (path, flags, mode) => {
    const fd = await disk.open(path, flags, mode)
    opened.set(fd, path)
    return fd
  }
  return new Proxy<FileSystem>(disk, {
    get(_, name) {
      if (name === 'accessList') return async (file: string | number) => listOf(file)
      if (name === 'open') return open
      const found: unknown = Reflect.get(disk, name)
      return typeof found === 'function' ? found.bind(disk) : found
    },
  })
}

const BOB = 'user:7:rw- group::---'

test('a file whose list is lost gives its group no more than the list did', async (t) => {
  const cases: [before: string | undefined, now: string | undefined, mode: number, then: number][] = [
    [undefined, undefined, 0o660, 0o660],
    [BOB, undefined, 0o660, 0o600],
    ['user:7:rw- group::r--', undefined, 0o664, 0o644],
    ['user:7:rw- group::rwx', undefined, 0o660, 0o660],
    ['user:7:r-- group::rwx', undefined, 0o640, 0o640],
    // the folder gives each new file a list, and this one had the same
    [BOB, BOB, 0o660, 0o660],
    // it had another, or none: whoever is in the new one gets what all have
    [undefined, BOB, 0o664, 0o644],
    ['user:8:rw- group::rw-', BOB, 0o660, 0o600],
    // somebody in the lost list had less than all others, or than the group, and is one of these now
    ['user:7:--- group::r--', undefined, 0o644, 0o600],
    ['user:7:r-- group::rw-', undefined, 0o664, 0o644],
    ['group:7:--- group::r--', undefined, 0o644, 0o640],
    ['group:7:r-x group::rwx', undefined, 0o775, 0o775],
    // what the mask took away, nobody had
    ['user:7:rwx group::rwx', undefined, 0o604, 0o600],
    ['user:7:--- group::r--', 'user:7:--- group::r--', 0o644, 0o644],
    // a new list gives the group what others have
    [undefined, 'user:7:rwx group::rwx', 0o664, 0o644],
  ]
  for (const [before, now, mode, then] of cases) {
    const disk = new MemoryDisk()
    disk.put('/f', 'old', mode)
    const lists = { ...(before && { '/f': before }), ...(now && { new: now }) }
    const { warning } = await writeFileAtomic('/f', 'new', { fs: withLists(disk, lists) })
    t.is((await disk.stat('/f')).mode & 0o777, then, `${before} ${now}`)
    t.is(warning?.code, before === now ? undefined : 'ERR_PERMISSION')
  }
})

test('a copy has no more rights than the file that was copied, whatever has its name by then', async (t) => {
  const disk = new MemoryDisk()
  disk.put('/f', 'old', 0o640)
  const fs = withLists(disk, { '/f': BOB })
  const moving = new Proxy<FileSystem>(fs, {
    get(_, name) {
      const found: unknown = Reflect.get(fs, name)
      if (name !== 'accessList') return found
      // somebody exchanges the file right before its list is asked for
      return (file: string | number) => (file === '/f' ? undefined : fs.accessList!(file))
    },
  })
  await copyFile(moving, '/f', '/copy', false)
  t.is((await disk.stat('/copy')).mode & 0o777, 0o600)
})

test('nobody asks for a list where only the owner has rights, or a mode is asked for', async (t) => {
  const disk = new MemoryDisk()
  let asked = 0
  const fs: FileSystem = new Proxy<FileSystem>(disk, {
    get(_, name) {
      if (name === 'accessList') return async () => void asked++
      const found: unknown = Reflect.get(disk, name)
      return typeof found === 'function' ? found.bind(disk) : found
    },
  })
  const costs: [mode: number, asked: number][] = [
    [0o600, 0],
    [0o700, 0],
    // once for the old file: without a list there the new one makes no difference
    [0o644, 1],
    [0o604, 1],
    [0o640, 2],
  ]
  for (const [mode, times] of costs) {
    disk.put('/f', 'old', mode)
    asked = 0
    await writeFileAtomic('/f', 'new', { fs })
    t.is((await disk.stat('/f')).mode & 0o777, mode)
    t.is(asked, times, mode.toString(8))
  }
  asked = 0
  for (const path of ['/f', '/g']) {
    await writeFileAtomic(path, 'new', { fs, mode: 0o660 })
    t.is((await disk.stat(path)).mode & 0o777, 0o660)
  }
  t.is(asked, 0)
})

test('who loses the group of a file gets no more as one of all others', async (t) => {
  for (const [mode, then] of [
    [0o604, 0o600],
    [0o640, 0o600],
    [0o664, 0o644],
    [0o646, 0o644],
  ] as const) {
    const disk = new MemoryDisk()
    disk.put('/f', 'old', mode)
    await disk.fchown(await disk.open('/f', 0), 1, 77)
    disk.fail({ call: 'fchown', error: 'EPERM', once: false })
    const { warning } = await writeFileAtomic('/f', 'new', { fs: disk })
    t.is(warning?.code, 'ERR_PERMISSION')
    t.is((await disk.stat('/f')).mode & 0o777, then, mode.toString(8))
  }
})

test('a copy that belongs to another group gives neither that group nor all others more than they had', async (t) => {
  for (const [mode, then] of [
    [0o604, 0o600],
    [0o644, 0o644],
    [0o640, 0o600],
  ] as const) {
    const disk = new MemoryDisk()
    disk.put('/d/f', 'old', mode)
    await disk.fchown(await disk.open('/d/f', 0), 1, 77)
    const transaction = await FileTransaction.begin('/d', { fs: disk })
    await transaction.copy('f', 'g')
    await transaction.commit()
    t.is((await disk.stat('/d/g')).mode & 0o777, then, mode.toString(8))
  }
})

const hasTools = (() => {
  try {
    execFileSync('setfacl', ['--version'])
    return process.platform === 'linux'
  } catch {
    return false
  }
})()

/** Whether a test with real lists cannot run here; says so. */
function isSkipped(t: ExecutionContext): boolean {
  if (!hasTools) t.log('skipped: setfacl and getfacl are not installed (package acl)')
  t.pass()
  return !hasTools
}

/** A user who is in the lists, and a group that is. */
const BOB_ID = '12345'
const TEAM_ID = '12346'

type Member = { user?: string; groups: string[]; ofGroup: boolean }
const MEMBERS: Record<string, Member> = {
  'somebody else': { groups: [], ofGroup: false },
  bob: { user: BOB_ID, groups: [], ofGroup: false },
  'bob, of the group of the file': { user: BOB_ID, groups: [], ofGroup: true },
  'one of the group': { groups: [], ofGroup: true },
  'one of the team': { groups: [TEAM_ID], ofGroup: false },
  'one of both': { groups: [TEAM_ID], ofGroup: true },
}

/** What somebody may do with a file who does not own it, by the rules of acl(5). */
function may(list: string, { user, groups, ofGroup }: Member): Set<string> {
  const entry = (key: string) => new RegExp(`^${key}:(\\S*)`, 'm').exec(list)?.[1]
  const mask = entry('mask:') ?? 'rwx'
  const masked = (...given: (string | undefined)[]) =>
    new Set([...given.join('')].filter((right) => right !== '-' && mask.includes(right)))
  const named = user === undefined ? undefined : entry(`user:${user}`)
  if (named !== undefined) return masked(named)
  const ofGroups = groups.map((group) => entry(`group:${group}`)).filter((one) => one !== undefined)
  if (ofGroup || ofGroups.length > 0) return masked(...ofGroups, ofGroup ? entry('group:') : '')
  return new Set([...(entry('other:') ?? '')].filter((right) => right !== '-'))
}

const listOf = (path: string) => execFileSync('getfacl', ['-acpnE', path], { encoding: 'utf8' })

async function committed(
  dir: string,
  act: (transaction: FileTransaction) => Promise<unknown>,
): Promise<void> {
  const transaction = await FileTransaction.begin(dir)
  await act(transaction)
  await transaction.commit()
}

const OPERATIONS: Record<string, [act: (dir: string) => Promise<unknown>, at: string]> = {
  writeFileAtomic: [(dir) => writeFileAtomic(join(dir, 'f'), '{}'), 'f'],
  'a write beside a backup': [(dir) => writeFileAtomic(join(dir, 'f'), '{}', { backup: 1 }), 'f'],
  restoreBackup: [
    async (dir) => {
      await writeFileAtomic(join(dir, 'f'), '{}', { backup: 1 })
      await restoreBackup(join(dir, 'f'))
    },
    'f',
  ],
  updateJson: [(dir) => updateJson(join(dir, 'f'), () => 1), 'f'],
  'a transaction that writes': [(dir) => committed(dir, (one) => one.write('f', '{}')), 'f'],
  'a transaction that copies': [(dir) => committed(dir, (one) => one.copy('f', 'g')), 'g'],
  'a transaction that takes a copy in': [
    async (dir) => {
      await mkdir(join(dir, 'd'))
      await committed(join(dir, 'd'), (one) => one.copyIn(join(dir, 'f'), 'f'))
    },
    'd/f',
  ],
  'a compressed rotation': [(dir) => rotateFile(join(dir, 'f'), { compress: true }), 'f.1.gz'],
  'a rename': [(dir) => renameAtomic(join(dir, 'f'), join(dir, 'g')), 'g'],
}

/** A file in a folder, and what is set of both. */
const LISTS: Record<string, [mode: number, file: string | undefined, folder: string | undefined]> = {
  'gives somebody more': [0o600, `u:${BOB_ID}:rw`, undefined],
  'takes all from somebody': [0o644, `u:${BOB_ID}:---`, undefined],
  'takes all from a group': [0o644, `g:${TEAM_ID}:---`, undefined],
  'is cut down by its mask': [0o604, `u:${BOB_ID}:rw,m::---`, undefined],
  'is none, in a folder that gives new files one': [0o640, undefined, `u:${BOB_ID}:rwx`],
  'is none, where the group has less, in such a folder': [0o604, undefined, `u:${BOB_ID}:rwx,g::rwx`],
  'takes from one, in a folder that gives to another': [0o644, `u:${BOB_ID}:---`, `g:${TEAM_ID}:rwx`],
}

/** Fails where somebody may do more now than before. */
function checkNotWider(before: string, now: string): void {
  for (const [who, member] of Object.entries(MEMBERS)) {
    const had = may(before, member)
    const more = [...may(now, member)].filter((right) => !had.has(right))
    if (more.length > 0) throw new Error(`${who} may ${more} now:\n${before}\n${now}`)
  }
}

for (const [name, [act, at]] of Object.entries(OPERATIONS))
  test(`with real lists, ${name} gives nobody more rights than before`, async (t) => {
    if (isSkipped(t)) return
    for (const [kind, [mode, list, ofFolder]] of Object.entries(LISTS)) {
      const dir = await temporary(t)
      const file = join(dir, 'f')
      await writeFile(file, '{}')
      await chmod(file, mode)
      if (list) execFileSync('setfacl', ['-m', list, file])
      if (ofFolder) execFileSync('setfacl', ['-d', '-m', ofFolder, dir])
      const before = listOf(file)
      await act(dir)
      t.notThrows(() => checkNotWider(before, listOf(join(dir, at))), kind)
      for (const other of await readdir(dir))
        if (other.startsWith('f')) t.notThrows(() => checkNotWider(before, listOf(join(dir, other))), other)
    }
  })

test('with real lists, a file that goes to another disk gives nobody more rights than before', async (t) => {
  if (isSkipped(t)) return
  const other = await mkdtemp('/dev/shm/sluice-test-')
  t.teardown(() => rm(other, { recursive: true }))
  const dir = await temporary(t)
  for (const list of [`u:${BOB_ID}:---`, `g:${TEAM_ID}:---`]) {
    await writeFile(join(dir, 'f'), '{}', { mode: 0o644 })
    execFileSync('setfacl', ['-m', list, join(dir, 'f')])
    const before = listOf(join(dir, 'f'))
    await renameAtomic(join(dir, 'f'), join(other, 'f'))
    t.notThrows(() => checkNotWider(before, listOf(join(other, 'f'))))
  }
})

for (const [kind, [list, ofFolder]] of Object.entries({
  'gives more': [`u:${BOB_ID}:rwx,g::---`, undefined],
  'takes all from somebody': [`u:${BOB_ID}:---`, undefined],
  'is none, in a folder that gives one': [undefined, `u:${BOB_ID}:rwx`],
  'is the one that its folder gives': [`u:${BOB_ID}:rwx`, `u:${BOB_ID}:rwx,g::r-x`],
}))
  for (const move of [true, false])
    test(`with real lists, a folder whose list ${kind} is ${move ? 'moved' : 'copied'}, and lets nobody in that it did not`, async (t) => {
      if (isSkipped(t)) return
      const dir = await temporary(t)
      await mkdir(join(dir, 'a/b'), { recursive: true })
      await chmod(join(dir, 'a/b'), 0o750)
      await writeFile(join(dir, 'a/b/f'), '')
      if (list) execFileSync('setfacl', ['-m', list, join(dir, 'a/b')])
      if (ofFolder) execFileSync('setfacl', ['-R', '-d', '-m', ofFolder, dir])
      const before = listOf(join(dir, 'a/b'))
      await committed(dir, (one) => (move ? one.move('a', 'c') : one.copy('a', 'c')))
      const now = listOf(join(dir, 'c/b'))
      t.notThrows(() => checkNotWider(before, now))
      if (kind.startsWith('is the one')) t.is(now, before)
    })

test('with real lists, of many files together each has its own', async (t) => {
  if (isSkipped(t)) return
  const dir = await temporary(t)
  const files = Array.from({ length: 250 }, (_, i) => join(dir, `a ${i}\n`))
  for (const file of files) await writeFile(file, '')
  execFileSync('setfacl', ['-m', `u:${BOB_ID}:r`, ...files.filter((_, i) => i % 3 === 0)])
  await rm(files[100]!)
  const lists = await Promise.all(files.map((file) => nodeFileSystem.accessList!(file)))
  for (const [i, list] of lists.entries())
    t.is(list, i % 3 === 0 ? `user:${BOB_ID}:r-- group::r--` : undefined, `${i}`)
})

const LIBRARY = new URL('../../../lib/files/index.js', import.meta.url).href
const WITHOUT_HANDLES = `
import { closeSync, openSync } from 'node:fs'
import { nodeFileSystem } from '${LIBRARY}'
const all = []
try { for (;;) all.push(openSync('/dev/null')) } catch {}
setTimeout(() => all.forEach((fd) => closeSync(fd)), 300)
console.log(await nodeFileSystem.accessList(process.argv[1]))
`

test('with real lists, a file is not taken for one without where no handle is left to ask', async (t) => {
  if (isSkipped(t)) return
  const file = join(await temporary(t), 'f')
  await writeFile(file, '')
  execFileSync('setfacl', ['-m', `u:${BOB_ID}:---`, file])
  const script = 'ulimit -n 100; exec "$0" --input-type=module -e "$@"'
  const args = ['-c', script, process.execPath, WITHOUT_HANDLES, file]
  const { stdout } = await promisify(execFile)('sh', args)
  t.is(stdout.trim(), `user:${BOB_ID}:--- group::r--`)
})

test('a new file is opened with no rights that its list took away from somebody', async (t) => {
  const disk = new MemoryDisk()
  const modes: number[] = []
  disk.delay = async ({ call, path }) => {
    if (call === 'write') modes.push((await disk.stat(path)).mode & 0o777)
  }
  for (const list of [undefined, 'user:7:--- group::r--']) {
    disk.put('/f', 'old', 0o644)
    await writeFileAtomic('/f', 'new', { fs: withLists(disk, list ? { '/f': list } : {}) })
  }
  t.deepEqual(modes, [0o644, 0o600])
})
