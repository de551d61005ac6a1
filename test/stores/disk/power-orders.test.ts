import test from 'ava'
import type { FileSystem } from '../../../lib/files/disk/fs.js'
import { foldName } from '../../../lib/files/disk/names.js'
import type { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { arrivingOf, bytesOf, type Content } from '../../helpers/items.js'
import { killSweep } from '../../helpers/kill-sweep.js'
import { receiveItems } from '../../helpers/river.js'
import { LONG, scale } from '../../helpers/scale.js'
import { crashSweep } from '../../helpers/sweep.js'

// The power is cut at any call of a receive that overwrites: whatever it has told by then is there, though other
// entries of the same transfer want the same names, folders come behind what is in them, and what was there makes room.

const of = (...paths: string[]): Content =>
  Object.fromEntries(paths.map((path) => [path, `content of ${path}`]))

const ORDERS: Record<string, Content> = {
  'names that are one': of('a.txt', 'A.TXT', 'a_1.txt', 'A.txt'),
  'a folder behind its files': { ...of('d/e/x', 'd/y'), d: null, 'd/e': null },
  'a file behind what is below its name': of('D/x', 'd', 'D/y'),
  'a file before what is below its name': of('d', 'D/x', 'd_1'),
  'suffixes before what they are made of': of('mine_1', 'mine_1_1', 'mine', 'MINE'),
  'files in the place of a folder, by turns': of('folder', 'Folder/mine', 'FOLDER/sub/x', 'folder_1'),
  'folders that nothing is in, and files': { D: null, ...of('d'), 'e/f': null, ...of('E', 'e/F/x') },
}

const STANDING = {
  '/dst/mine': 'old',
  '/dst/folder/mine': 'old',
  '/dst/folder/sub/y': 'old',
  '/dst/a.txt': 'old',
}

/** What each name that was told of holds; nothing if it is a folder. */
type Told = readonly [name: string, content: Buffer | null][]

/** A receive that keeps what it has told. */
function receiving(files: Content, conflict: 'overwrite' | 'replace', isRun: boolean) {
  let told: Told = []
  return {
    told: () => told,
    async receive(disk: FileSystem): Promise<void> {
      told = []
      // a whole offer in one run, or a few bytes in each
      const { error } = await receiveItems(arrivingOf(files, isRun ? {} : { run: 4 }), {
        dir: '/dst',
        fs: disk,
        concurrency: 1,
        durability: 'power',
        conflict,
        onOutcome: (outcomes) => {
          for (const { status, reason, path, name = path } of outcomes)
            if (status === 'published' || reason === 'identical') {
              const value = files[path]!
              told = [...told, [name, value === null ? null : bytesOf(value)]]
            }
        },
      })
      if (error) throw error
    },
  }
}

/** @param same what stands for a path, whichever of the spellings that are one name it has */
function check(disk: MemoryDisk, told: Told, same: (path: string) => string, place: string): void {
  const files = new Map([...disk.snapshot()].map(([path, content]) => [same(path), content]))
  const there = new Set(disk.list().map(same))
  for (const [name, content] of told) {
    const path = same(`/dst/${name}`)
    const holds = content === null ? there.has(`${path}/`) : files.get(path)?.equals(content)
    if (!holds) throw new Error(`${place}: ${path} was told, and is not there: ${disk.list()}`)
  }
}

for (const conflict of ['overwrite', 'replace'] as const)
  for (const [name, files] of Object.entries(ORDERS))
    test(`what was told is there after a power cut, in whatever order entries come, conflict ${conflict}: ${name}`, async (t) => {
      let states = 0
      for (const fold of [foldName, undefined])
        for (const isRun of LONG ? [true, false] : [fold !== undefined]) {
          const { receive, told } = receiving(files, conflict, isRun)
          const scene = {
            options: { fold },
            set(disk: MemoryDisk) {
              disk.putFolder('/dst')
              for (const [path, content] of Object.entries(STANDING)) disk.put(path, content)
            },
            work: receive,
            told,
            look: (found: MemoryDisk, _: boolean, place: string, told: Told) =>
              check(found, told, fold ?? ((path) => path), place),
          }
          states += (await crashSweep({ ...scene, seeds: scale(1, 12) })).states
          // another run replays what one has begun that was killed, and that had synced nothing of its last calls
          if (LONG || (isRun && conflict === 'replace'))
            states += (
              await killSweep({
                ...scene,
                rerun: receive,
                seeds: scale(1, 2),
                every: scale(31, 7),
                kills: scale(5, 2, 2),
              })
            ).states
          t.is(told().length, Object.keys(files).length)
        }
      t.log(`${states} states`)
    })
