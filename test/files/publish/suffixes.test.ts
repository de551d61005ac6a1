import test from 'ava'
import type { FileStats } from '../../../lib/files/disk/fs.js'
import { foldName } from '../../../lib/files/disk/names.js'
import { Suffixes } from '../../../lib/files/publish/suffixes.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { arrivingOf, type Content } from '../../helpers/items.js'
import { receiveItems, statuses } from '../../helpers/river.js'
import { LONG, scale } from '../../helpers/scale.js'

const first = (ino: bigint, nlink = 1) => ({ dev: 1n, ino, nlink, isFile: () => true }) as FileStats
const some = (numbers: Generator<number, void>) => [1, 2, 3].map(() => numbers.next().value)

test('what stands there is tried again by what is like it, what the transfer has put there by nothing', (t) => {
  const suffixes = new Suffixes()
  t.deepEqual(some(suffixes.after(first(7n), '5')), [1, 2, 3])
  suffixes.note(first(7n), 1)
  suffixes.note(first(7n), 2, '5')
  suffixes.note(first(7n), 3, '6')
  t.deepEqual(some(suffixes.after(first(7n), '5')), [2, 4, 5])
  t.deepEqual(some(suffixes.after(first(7n), '6')), [3, 4, 5])
  // by now it is one of the transfer, and what looked at it a moment ago does not know that yet
  suffixes.note(first(7n), 2)
  suffixes.note(first(7n), 2, '5')
  suffixes.note(first(7n), 1, '5')
  t.deepEqual(some(suffixes.after(first(7n), '5')), [4, 5, 6])
})

test('other names, and those of which nobody knows what they are, begin with the first suffix', (t) => {
  const suffixes = new Suffixes()
  for (const one of [first(7n), first(8n, 2), first(0n), undefined]) suffixes.note(one, 1)
  t.deepEqual(some(suffixes.after(first(7n), '')), [2, 3, 4])
  for (const other of [first(9n), first(8n, 2), first(0n), undefined])
    t.deepEqual(some(suffixes.after(other, '')), [1, 2, 3])
})

/** Spellings of one name, which a disk that ignores case takes for one. */
function spellings(count: number): string[] {
  return Array.from({ length: count }, (_, n) =>
    [...'abcdefghij'].map((letter, i) => ((n >> i) & 1 ? letter.toUpperCase() : letter)).join(''),
  )
}

const COUNT = scale(150, 300)
const WHAT: Record<string, (name: string, n: number) => Content> = {
  files: (name, n) => ({ [name]: `content ${n}` }),
  'files of one size': (name, n) => ({ [name]: `content ${1000 + n}` }),
  links: (name, n) => ({ [name]: { target: `${n}` } }),
  'files and folders': (name, n) => (n < COUNT / 2 ? { [name]: `${n}` } : { [`${name}/x${n}`]: `${n}` }),
  'files and links': (name, n) => ({ [name]: n % 2 ? `${n}` : { target: `${n}` } }),
}

const CONFLICTS = ['rename', 'overwrite', 'replace', 'skip', 'fail'] as const
const UNLESS = ['identical', 'unchanged', 'nothing'] as const

for (const [row, [what, entryOf]] of Object.entries(WHAT).entries())
  for (const [column, conflict] of CONFLICTS.entries())
    for (const unless of LONG ? UNLESS : [UNLESS[(row + column) % UNLESS.length]!])
      test(`spellings that are one name here take no more calls each, the more they are: ${what}, ${conflict}, unless ${unless}`, async (t) => {
        const files: Content = Object.assign({}, ...spellings(COUNT).map(entryOf))
        const disk = new MemoryDisk({ fold: foldName })
        disk.putFolder('/dst')
        for (const run of ['first', 'second']) {
          let calls = 0
          disk.hook = ({ call }) => {
            if (call === 'link' || call === 'symlink' || call === 'lstat' || call === 'mkdir') calls++
          }
          const options = {
            dir: '/dst',
            fs: disk,
            conflict,
            unless,
            symlinks: 'keep',
            concurrency: 4,
          } as const
          const { outcomes } = await receiveItems(arrivingOf(files), options)
          t.is(outcomes.length, COUNT)
          t.true(calls < 40 * COUNT, `${run}: ${calls} calls`)
          if (conflict === 'skip' || conflict === 'fail') continue
          t.true(outcomes.every(({ status }) => status !== 'failed'))
          const there = new Set(outcomes.map(({ path, name }) => foldName(name ?? path)))
          if (run === 'first') t.is(there.size, COUNT, 'each has a name of its own')
          if (run === 'second' && conflict === 'rename' && unless !== 'nothing')
            t.deepEqual(
              new Set(Object.values(statuses(outcomes)).map((said) => said.split(' ')[0])),
              new Set(['skipped']),
            )
        }
      })
