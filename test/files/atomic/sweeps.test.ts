import { finished } from 'node:stream/promises'
import test from 'ava'
import {
  createAtomicWriteStream,
  type FileSystem,
  ownerOfTemporary,
  parseBackupName,
  type RenameOptions,
  removeOrphans,
  renameAtomic,
  type WriteFileOptions,
  type Written,
  writeFileAtomic,
} from '../../../lib/files/index.js'
import { processSystem } from '../../../lib/files/own/owner.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { scale } from '../../helpers/scale.js'
import { crashSweep, faultSweep } from '../../helpers/sweep.js'
import { twoDisks } from '../../helpers/two-disks.js'

// Every call is the last one before the power is cut, and every call fails, for each way to write and to rename.

const OLD = 'the old content'
const NEW = `the new content, ${'which is longer than a sector, '.repeat(40)}`
const EARLIER = '/d/file.20200101T000000000Z.0000.bak'
const MODE = 0o640

/** One way to write `/d/file`, or what its name becomes. */
interface Scene {
  write: (fs: FileSystem) => Promise<unknown>
  /** Whether `/t` is another file system. */
  apart?: boolean
  standing?: boolean
  links?: boolean
  /** Where the new content is to be. Default `/d/file`. */
  at?: string
  /** Whether a backup of the old content is to be there. */
  backup?: boolean
}

const write = (options: WriteFileOptions) => (fs: FileSystem) =>
  writeFileAtomic('/d/file', NEW, { fs, ...options })

const SCENES: Record<string, Scene> = {
  'a replacement': { write: write({}) },
  'a replacement that is read back': { write: write({ verify: true, mode: MODE }) },
  'a new file': { write: write({ mode: MODE }), standing: false },
  'a new file in new folders': {
    write: (fs) => writeFileAtomic('/d/e/f/file', NEW, { fs, makeParents: true, mode: MODE }),
    at: '/d/e/f/file',
  },
  'a stream': {
    write: async (fs) => {
      const stream = createAtomicWriteStream('/d/file', { fs, highWaterMark: 500 })
      for (let at = 0; at < NEW.length; at += 700) stream.write(NEW.slice(at, at + 700))
      stream.end()
      await finished(stream)
      return stream.result
    },
  },
  'a backup by link': { write: write({ backup: 1 }), backup: true },
  'a backup by copy': { write: write({ backup: 2 }), backup: true, links: false },
  'a name with a suffix': { write: write({ conflict: 'rename', mode: MODE }), at: '/d/file_1' },
  'a free name': { write: write({ conflict: 'fail', mode: MODE }), standing: false },
  'a temporary file in another folder': { write: write({ tempDir: '/t' }) },
  'a temporary file on another file system': {
    write: write({ tempDir: '/t', backup: 1 }),
    apart: true,
    backup: true,
  },
  'a suffix from another file system': {
    write: write({ tempDir: '/t', conflict: 'rename', mode: MODE }),
    apart: true,
    at: '/d/file_1',
  },
}

function set(disk: MemoryDisk, { standing = true, backup = false }: Scene): void {
  disk.put('/d/other', 'not yours')
  disk.putFolder('/t')
  if (standing) disk.put('/d/file', OLD, MODE)
  if (backup) disk.put(EARLIER, 'earlier')
}

/** What is wrong with a disk that was found. */
async function wrong(
  disk: MemoryDisk,
  scene: Scene,
  done: boolean,
  healthy: boolean,
  warned = false,
): Promise<string[]> {
  const { at = '/d/file', standing = true, backup = false } = scene
  const found: string[] = []
  const files = new Map([...disk.snapshot()].map(([path, bytes]) => [path, `${bytes}`]))
  const expect = (holds: boolean, what: string) => holds || found.push(what)
  const content = files.get(at)
  const before = at === '/d/file' && standing ? OLD : undefined
  expect(content === NEW || (!done && content === before), `${at} holds ${content}`)
  if (at !== '/d/file' && standing) expect(files.get('/d/file') === OLD, 'the other file')
  expect(files.get('/d/other') === 'not yours', 'a file beside')
  if (content === NEW && done) {
    const mode = (await disk.stat(at)).mode & 0o777
    // a disk may refuse to set it: then that is said, and nobody may do more than was asked for
    expect(warned ? (mode & ~MODE) === 0 : mode === MODE, 'the mode')
  }
  const backups = [...files].filter(([path]) => parseBackupName(path) && path !== EARLIER)
  for (const [path, text] of backups) expect(text === OLD, `${path} holds ${text}`)
  if (backup && content === NEW) expect(backups.length > 0, 'there is no backup')
  if (healthy) {
    for (const path of files.keys()) {
      const name = path.slice(path.lastIndexOf('/') + 1)
      expect(ownerOfTemporary(name) === undefined, `${path} is left over`)
      const isKnown =
        [at, '/d/file', '/d/other', EARLIER].includes(path) || parseBackupName(name) !== undefined
      expect(isKnown, `${path} is not known`)
    }
  }
  return found
}

/** Collects as a process would that finds what a dead one left, much later. */
async function collect(disk: MemoryDisk): Promise<void> {
  const system = { ...processSystem, isAlive: () => false }
  const { errors } = await removeOrphans('/', {
    fs: disk,
    system,
    recursive: true,
    now: () => Date.now() + 1e12,
  })
  if (errors.length > 0) throw errors[0]
}

function tell(place: string, found: string[]): void {
  if (found.length > 0) throw new Error(`${place}: ${found.join('; ')}`)
}

for (const [name, scene] of Object.entries(SCENES)) {
  const on = (disk: MemoryDisk) => (scene.apart ? twoDisks(disk) : disk)

  test(`the power is cut at every call of ${name}`, async (t) => {
    const { states } = await crashSweep({
      options: { links: scene.links },
      set: (disk) => set(disk, scene),
      work: (disk) => scene.write(on(disk)),
      recover: collect,
      look: async (found, acknowledged, place) => tell(place, await wrong(found, scene, acknowledged, true)),
    })
    t.log(`${states} states`)
    t.true(states > scale(10, 30))
  })

  test(`every call of ${name} fails`, async (t) => {
    let healthy = false
    const { runs } = await faultSweep({
      step: scale(13, 1, 2),
      options: { links: scene.links },
      set: (disk) => {
        healthy = false
        set(disk, scene)
      },
      work: (disk) => scene.write(on(disk)),
      recover: async (disk) => {
        await collect(disk)
        healthy = true
      },
      look: async (disk, result, place) => {
        // without links the placeholder of a name may be left by a disk that fails more than once
        const warned = (result as Written).warning?.code === 'ERR_PERMISSION'
        tell(place, await wrong(disk, scene, !(result instanceof Error), healthy, warned))
      },
    })
    t.log(`${runs} runs`)
    t.true(runs > scale(10, 100, 50))
  })
}

interface Move {
  options?: RenameOptions
  apart?: boolean
  standing?: boolean
  at?: string
  links?: boolean
}

const MOVES: Record<string, Move> = {
  'over a file': { standing: true },
  'to a free name': { options: { conflict: 'fail' } },
  'to a suffix': { options: { conflict: 'rename' }, standing: true, at: '/d/file_1' },
  'over a file on another file system': { apart: true, standing: true },
  'to a suffix on another file system': {
    options: { conflict: 'rename' },
    apart: true,
    standing: true,
    at: '/d/file_1',
  },
}

async function wrongMove(disk: MemoryDisk, move: Move, done: boolean, healthy: boolean): Promise<string[]> {
  const { at = '/d/file', standing = false } = move
  const found: string[] = []
  const files = new Map([...disk.snapshot()].map(([path, bytes]) => [path, `${bytes}`]))
  const expect = (holds: boolean, what: string) => holds || found.push(what)
  const source = files.get('/t/from')
  const content = files.get(at)
  const before = at === '/d/file' && standing ? OLD : undefined
  expect(content === NEW || (!done && content === before), `${at} holds ${content}`)
  expect(source === NEW || (source === undefined && content === NEW), `the source holds ${source}`)
  if (done) expect(source === undefined, 'the source is there')
  if (at !== '/d/file') expect(files.get('/d/file') === OLD, 'the other file')
  if (healthy)
    expect(
      [...files.keys()].every((path) => ['/t/from', '/d/file', at].includes(path)),
      'something is left',
    )
  return found
}

for (const [name, move] of Object.entries(MOVES)) {
  const moving = {
    set: (disk: MemoryDisk) => {
      disk.put('/t/from', NEW)
      disk.putFolder('/d')
      if (move.standing) disk.put('/d/file', OLD)
    },
    work: (disk: MemoryDisk) => {
      const fs = move.apart ? twoDisks(disk) : disk
      return renameAtomic('/t/from', '/d/file', { fs, ...move.options })
    },
  }

  test(`the power is cut at every call of a rename ${name}`, async (t) => {
    const { states } = await crashSweep({
      ...moving,
      recover: collect,
      look: async (found, acknowledged, place) =>
        tell(place, await wrongMove(found, move, acknowledged, true)),
    })
    t.log(`${states} states`)
    t.true(states > scale(5, 15))
  })

  test(`every call of a rename ${name} fails`, async (t) => {
    let healthy = false
    const { runs } = await faultSweep({
      step: scale(13, 1, 2),
      set: (disk) => {
        healthy = false
        moving.set(disk)
      },
      work: moving.work,
      recover: async (disk) => {
        await collect(disk)
        healthy = true
      },
      look: async (disk, result, place) =>
        tell(place, await wrongMove(disk, move, !(result instanceof Error), healthy)),
    })
    t.log(`${runs} runs`)
    t.true(runs > scale(10, 100, 50))
  })
}

test('unsynced content of the source is synced before a rename puts it on the disk', async (t) => {
  const disk = new MemoryDisk({ crashes: true })
  disk.putFolder('/d')
  disk.syncAll()
  disk.put('/d/from', NEW)
  await renameAtomic('/d/from', '/d/to', { fs: disk })
  for (let seed = 0; seed < 100; seed++) t.is(`${disk.crash(seed).snapshot().get('/d/to')}`, NEW)
})
