import test from 'ava'
import { OPEN, writeFully } from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { randomBySeed } from '../../../lib/testing/splits.js'
import { ContentRules, NameRules, shownNames } from '../../helpers/crash-rules.js'
import { scale } from '../../helpers/scale.js'

// Short histories: what the disk in memory shows after a power cut is all that is allowed, and nothing else.

const HISTORIES = scale(60, 1500)
const MOST_SEEDS = 60_000

type Random = () => number
const oneOf = <T>(random: Random, items: readonly T[]): T => items[Math.floor(random() * items.length)]!

/** Cuts the power until everything that is allowed was seen; throws for what is not, or is not seen. */
function compare(disk: MemoryDisk, allowed: Set<string>, show: (found: MemoryDisk) => string, place: string) {
  const seen = new Set<string>()
  // also where all is certain: what is not allowed may be rare
  for (let seed = 0; seed < MOST_SEEDS && (seen.size < allowed.size || seed < 200); seed++) {
    const found = show(disk.crash(seed))
    if (!allowed.has(found)) throw new Error(`${place}: not allowed: ${JSON.stringify(found)}`)
    seen.add(found)
  }
  const missing = [...allowed].find((outcome) => !seen.has(outcome))
  if (missing !== undefined) throw new Error(`${place}: not seen: ${JSON.stringify(missing)}`)
}

test('of the content of a file every mixture of what was not synced is found, and nothing else', async (t) => {
  let outcomes = 0
  for (let seed = 0; seed < HISTORIES; seed++) {
    const random = randomBySeed(seed)
    const rules = new ContentRules(4)
    const disk = new MemoryDisk({ crashes: true })
    disk.put('/file')
    disk.syncAll()
    const fd = await disk.open('/file', OPEN.update)
    const history: string[] = []
    let allowed = rules.all()
    for (let n = Math.floor(random() * 6); n >= 0; n--) {
      const kind = random()
      if (kind < 0.6) {
        const at = oneOf(random, [0, 300, 512, 700, 1024])
        const text = 'abcdef'[n]!.repeat(oneOf(random, [1, 100, 600, 900]))
        rules.write(at, text)
        await writeFully(disk, fd, [Buffer.from(text)], at)
        history.push(`write ${text.length} at ${at}`)
      } else if (kind < 0.75) {
        const length = oneOf(random, [0, 200, 512, 1000, 1500])
        rules.truncate(length)
        await disk.ftruncate(fd, length)
        history.push(`truncate to ${length}`)
      } else {
        const works = random() < 0.6
        rules.sync(works)
        if (!works) disk.fail({ call: 'fsync', error: 'EIO' })
        await disk.fsync(fd).catch(() => {})
        history.push(works ? 'fsync' : 'failing fsync')
      }
      allowed = rules.all()
      // rarer ones than those need more cuts than a test can make
      if (allowed.size > 60) break
    }
    outcomes += allowed.size
    const show = (found: MemoryDisk) => found.snapshot().get('/file')!.toString()
    compare(disk, allowed, show, `${seed}: ${history.join(', ')}`)
  }
  t.log(`${outcomes} outcomes of ${HISTORIES} histories`)
  t.true(outcomes > HISTORIES * 5)
})

const FOLDERS = ['/a', '/b']
const PATHS = ['/a/x', '/a/y', '/b/x', '/b/z']

/** Every name with the number of what it leads to; of a file that is its content. */
function shown(disk: MemoryDisk): string {
  const files = disk.snapshot()
  const names = disk.list().map((line): [string, string] => {
    const path = line.replace(/\/$/, '')
    return [path, files.get(path)?.toString() ?? 'folder']
  })
  return shownNames(names)
}

async function syncFolder(disk: MemoryDisk, path: string, works: boolean): Promise<void> {
  const fd = await disk.open(path, OPEN.folder)
  if (!works) disk.fail({ call: 'fsync', error: 'EIO' })
  await disk.fsync(fd).catch(() => {})
  await disk.close(fd)
}

test('of the names every subset of the steps that were not synced is found, whole ones, and nothing else', async (t) => {
  let outcomes = 0
  for (let seed = 0; seed < HISTORIES; seed++) {
    const random = randomBySeed(seed)
    const rules = new NameRules()
    const disk = new MemoryDisk({ crashes: true })
    const now = new Map<string, string>()
    const history: string[] = []
    for (const folder of FOLDERS) {
      await disk.mkdir(folder)
      rules.step({ [folder]: 'folder' })
    }
    if (random() < 0.7) {
      await syncFolder(disk, '/', true)
      rules.sync('', true)
    }
    const step = (names: Record<string, string>, what: string) => {
      history.push(what)
      rules.step(names)
      for (const [path, leadsTo] of Object.entries(names)) now.set(path, leadsTo)
    }
    for (let n = Math.floor(random() * 9); n > 0 && rules.unsure < 6; n--) {
      const [from, to] = [oneOf(random, PATHS), oneOf(random, PATHS)]
      const [source, target] = [now.get(from) ?? '', now.get(to) ?? '']
      const kind = random()
      if (kind < 0.35) {
        const folder = oneOf(random, ['', ...FOLDERS])
        const works = random() < 0.7
        await syncFolder(disk, folder === '' ? '/' : folder, works)
        rules.sync(folder, works)
        history.push(`${works ? '' : 'failing '}fsync ${folder}`)
      } else if (!source) {
        const fd = await disk.open(from, OPEN.create)
        await writeFully(disk, fd, [Buffer.from(`${n}`)], 0)
        await disk.fsync(fd)
        await disk.close(fd)
        step({ [from]: `${n}` }, `create ${from}`)
      } else if (kind < 0.5) {
        await disk.unlink(from)
        step({ [from]: '' }, `unlink ${from}`)
      } else if (kind < 0.75 && source !== target) {
        await disk.rename(from, to)
        step({ [from]: '', [to]: source }, `rename ${from} ${to}`)
      } else if (!target) {
        await disk.link(from, to)
        step({ [to]: source }, `link ${from} ${to}`)
      }
    }
    const allowed = rules.all()
    outcomes += allowed.size
    compare(disk, allowed, shown, `${seed}: ${history.join(', ')}`)
  }
  t.log(`${outcomes} outcomes of ${HISTORIES} histories`)
  t.true(outcomes > HISTORIES * 5)
})
