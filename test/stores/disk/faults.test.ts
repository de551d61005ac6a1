import { randomBytes } from 'node:crypto'
import test, { type ExecutionContext } from 'ava'
import type { FinalizerOptions } from '../../../lib/stages/finalizer.js'
import type { DiskFault } from '../../../lib/testing/disk/disk-faults.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import type { Outcome } from '../../../lib/wire/outcome.js'
import { arrivingOf, bytesOf, type Content } from '../../helpers/items.js'
import { type Received, receiveItems } from '../../helpers/river.js'
import { scale } from '../../helpers/scale.js'

// Every call that a receive makes fails in turn: what must hold afterwards is in README.md, "What is guaranteed".

const SENT: Content = {
  photos: null,
  'photos/a.txt': 'hello',
  'photos/empty': '',
  'photos/deep': null,
  'photos/deep/c': randomBytes(9000),
  'report.pdf': randomBytes(5000),
  'taken/inner': 'below a folder whose name a file has',
  'other/x': 'x',
  large: randomBytes(70_000),
}

const STANDING: Record<string, string> = {
  '/dst/report.pdf': 'another report',
  '/dst/photos/mine': 'mine',
  '/dst/photos/a.txt.part': 'a part that is none of ours',
  '/dst/taken': 'a file',
  '/outside': 'not yours',
}

function scene(): MemoryDisk {
  const disk = new MemoryDisk()
  for (const [path, content] of Object.entries(STANDING)) disk.put(path, content)
  return disk
}

const ITEMS = { run: 30_000, cut: 12_000 }
const contents = new Set(Object.values(SENT).map((content) => bytesOf(content).toString('hex')))

function checkDisk(
  t: ExecutionContext,
  disk: MemoryDisk,
  { outcomes, error }: Received,
  told: Outcome[],
  what: string,
) {
  const files = disk.snapshot()
  for (const [path, content] of Object.entries(STANDING))
    t.is(files.get(path)?.toString(), content, `${what}: ${path}`)
  for (const [path, content] of files) {
    if (path in STANDING || path.startsWith('/dst/.sluice/') || path.endsWith('.part')) continue
    t.true(path.startsWith('/dst/'), `${what}: ${path} is outside`)
    t.true(contents.has(content.toString('hex')), `${what}: ${path} has a name, but not its content`)
  }
  t.deepEqual(disk.openHandles(), [], `${what}: handles leak`)
  const every = [...outcomes, ...told]
  for (const { path, status, name = path, entry } of every) {
    if (status !== 'published' || entry.type !== 'file') continue
    t.true(files.get(`/dst/${name}`)?.equals(bytesOf(SENT[path]!)), `${what}: ${path} was acknowledged`)
  }
  if (error) t.truthy(error.code, `${what}: ${error.stack}`)
  else t.is(outcomes.filter(({ status }) => status === 'failed').length, 0, what)
  if (error?.code === 'ERR_FILES_FAILED') t.is(outcomes.length, Object.keys(SENT).length, what)
}

async function receive(disk: MemoryDisk, options: FinalizerOptions): Promise<[Received, Outcome[]]> {
  const told: Outcome[] = []
  const received = await receiveItems(arrivingOf(SENT, ITEMS), {
    dir: '/dst',
    fs: disk,
    concurrency: 1,
    ...options,
    onOutcome: (batch) => {
      told.push(...batch)
    },
  })
  return [received, told]
}

const FAULTS: DiskFault[] = ['EIO', 'ENOSPC', 'EACCES', 'EMFILE', 'EROFS'].map((error) => ({
  call: '*',
  error,
}))
FAULTS.push({ call: '*', error: 'EIO', after: true }, { call: '*', error: 'EIO', once: false })
FAULTS.push({ call: '*', error: 'ENOSPC', once: false }, { call: 'write', short: 1 })

for (const durability of ['crash', 'power'] as const) {
  for (const fault of FAULTS) {
    const name = `${fault.error ?? 'a short write'}${fault.after ? ' after it was done' : ''}${fault.once === false ? ' from then on' : ''}`
    test(`KNOWN-FAILURES 7, 8, 20: with ${durability}, ${name} at any call loses and breaks nothing`, async (t) => {
      const plain = scene()
      await receive(plain, { durability })
      const apart = scale(4, 1, 1)
      const step = scale(FAULTS.length * 2 * apart, 1, 4)
      // another offset for each fault, and for each durability: together they meet each so-manieth call
      const offset = apart * (FAULTS.indexOf(fault) + (durability === 'power' ? FAULTS.length : 0))
      let nth = 1 + (offset % step)
      for (; ; nth += step) {
        const disk = scene()
        disk.fail({ ...fault, nth })
        const [received, told] = await receive(disk, { durability })
        const what = `call ${nth}`
        disk.heal()
        if (disk.calls < nth) break
        checkDisk(t, disk, received, told, what)
        const [again, toldAgain] = await receive(disk, { durability })
        checkDisk(t, disk, again, toldAgain, `${what}, again`)
        t.is(again.error, undefined, `${what}, again: ${again.error?.stack}`)
        // what nobody owns stays for a day: somebody may be about to write into it
        const isEmpty = [...disk.snapshot()].some(
          ([path, { length }]) => path.endsWith('journal') && length === 0,
        )
        const left = disk
          .list()
          .filter((path) => /\.part$|sluice/.test(path) && !(path in STANDING) && !isEmpty)
        // a disk that failed to the end could not even be told that this process let go: it stays until that ends
        if (fault.once !== false) t.deepEqual(left, [], `${what}: left over`)
      }
      t.true(nth > plain.calls * 0.5)
    })
  }
}
