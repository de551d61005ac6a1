import { foldName, nameOf, parentOf } from '../../lib/files/disk/names.js'
import type { Conflict } from '../../lib/files/publish/publish.js'
import { manifestOfEntries, memoryParts, memorySources, receive, send } from '../../lib/index.js'
import { diskParts } from '../../lib/stores/disk/disk-store.js'
import type { PartStore } from '../../lib/stores/parts.js'
import type { Publishing, Unless } from '../../lib/stores/policy.js'
import { togetherParts } from '../../lib/stores/together/together-store.js'
import { duplexPair, MemoryDisk } from '../../lib/testing/index.js'
import type { Outcome } from '../../lib/wire/outcome.js'
import { eachAnother } from '../files/transaction/scenarios.js'
import { arrivingOf } from './items.js'
import { receiveItems } from './river.js'

export interface File {
  text: string
  time: number
}

export type Tree = Map<string, File>

export interface Scene {
  sent: Tree
  /** `null` is a folder with a file in it. */
  before: Map<string, File | null>
  conflict: Conflict
  unless: Unless
  publish: Publishing
  /** Where it arrives. */
  where: 'memory' | 'disk' | 'a disk that ignores case'
  /** Whether the receiver can answer: then it looks for what stands there. */
  answers: boolean
  concurrency: number
  /** Whether the disk has calls that are made at once. */
  isQuick: boolean
}

/** Where a transfer arrives, and all that is there. */
interface Place {
  store(): PartStore
  put(path: string, file: File | null): Promise<void>
  files(): Promise<Tree>
}

async function placeOf({ where, publish, isQuick }: Scene): Promise<Place> {
  if (where === 'memory') return inMemory(publish)
  const fold = where === 'disk' ? undefined : foldName
  const disk = new MemoryDisk({ fold, sync: isQuick })
  disk.putFolder('/d')
  const another = eachAnother()
  const make = publish === 'together' ? togetherParts : diskParts
  return {
    store: () =>
      make({ dir: '/d', fs: disk, durability: 'crash', handles: 16, ownership: { system: another() } }),
    put: async (path, one) => {
      if (one === null) disk.put(`/d/${path}/mine`, `mine in ${path}`)
      else disk.put(`/d/${path}`, one.text)
      const fd = await disk.open(one === null ? `/d/${path}/mine` : `/d/${path}`, 2)
      await disk.futimes(fd, (one?.time ?? 0) / 1000, (one?.time ?? 0) / 1000)
      await disk.close(fd)
    },
    files: async () => {
      const tree: Tree = new Map()
      for (const [path, bytes] of disk.snapshot())
        if (!path.includes('/.sluice'))
          tree.set(path.slice(3), {
            text: bytes.toString(),
            time: Math.floor((await disk.lstat(path)).mtimeMs),
          })
      return tree
    },
  }
}

function inMemory(publish: Publishing): Place {
  const store = memoryParts({ publish })
  const put = (path: string, { text, time }: File) =>
    store.files.set(path, { bytes: Buffer.from(text), mode: 0o644, mtime: time })
  const putFolder = (path: string) => path && store.folders.set(path, { mode: 0o755, mtime: 0 })
  return {
    store: () => store,
    put: async (path, one) => {
      putFolder(one === null ? path : parentOf(path))
      if (one) put(path, one)
      else put(`${path}/mine`, { text: `mine in ${path}`, time: 0 })
    },
    files: async () =>
      new Map([...store.files].map(([path, { bytes, mtime }]) => [path, { text: `${bytes}`, time: mtime }])),
  }
}

async function run(scene: Scene, store: PartStore): Promise<Outcome[]> {
  const { sent, conflict, unless, concurrency, answers } = scene
  const options = { store, conflict, unless, concurrency }
  const contents = new Map([...sent].map(([path, { text }]) => [path, text]))
  if (!answers) {
    const times = Object.fromEntries([...sent].map(([path, { time }]) => [path, time]))
    const { outcomes, error } = await receiveItems(
      arrivingOf(Object.fromEntries(contents), { times }),
      options,
    )
    if (error && error.code !== 'ERR_FILES_FAILED') throw error
    return error?.outcomes ?? outcomes
  }
  const listed = [...sent].map(([path, { text, time }]) => ({ path, size: text.length, mtime: time }))
  const manifest = manifestOfEntries(listed, memorySources(contents), { name: 'names' })
  const [near, far] = duplexPair()
  const sending = send(near, manifest).finished.catch(() => {})
  const outcomes: Outcome[] = []
  const receiving = receive(far, {
    ...options,
    accept: 'all',
    onOutcome: (some) => void outcomes.push(...some),
  })
  await receiving.finished.catch((error) => {
    if (error.code !== 'ERR_FILES_FAILED') throw error
  })
  await sending
  return outcomes
}

/** What is wrong with what became of a transfer; nothing, if all is right. */
function faultsOf(scene: Scene, outcomes: readonly Outcome[], old: Tree, now: Tree): string[] {
  const { sent, conflict, publish, where } = scene
  const fold = where === 'a disk that ignores case' ? foldName : (name: string) => name
  const found = new Map([...now].map(([path, one]) => [fold(path), one]))
  const faults: string[] = []
  const names = new Map<string, string>()
  const published = new Set<string>()
  for (const { path, name = path, status, reason, entry } of outcomes) {
    if (entry.type !== 'file' || status === 'failed' || reason === 'conflict') continue
    const { text, time } = sent.get(path)!
    const there = found.get(fold(name))
    if (status === 'published') published.add(fold(name))
    if (!there) {
      faults.push(`${path} is not there as ${name}`)
      continue
    }
    if (status === 'published' || reason === 'identical') {
      if (there.text !== text) faults.push(`${path} has other content as ${name}`)
    } else if (reason === 'newer' && fold(nameOf(name)) === fold(nameOf(path)) && there.text !== text) {
      if (there.time < time) faults.push(`${path} has an older file in its place`)
    } else if (there.text !== text && (there.time !== time || there.text.length !== text.length))
      faults.push(`${path} has another time or size as ${name}`)
    const other = names.get(fold(name))
    if (other !== undefined && sent.get(other)!.text !== text)
      faults.push(`${path} and ${other} are both ${name}`)
    names.set(fold(name), path)
  }
  // a folder of the disk makes no room for what is published together
  const mayReplaceFolders = conflict === 'replace' && (publish === 'each' || where === 'memory')
  const isOver = conflict === 'overwrite' || conflict === 'replace'
  const isReplaced = (path: string) => {
    for (let at = path; mayReplaceFolders && at !== ''; at = parentOf(at))
      if (published.has(fold(at))) return true
    return isOver && published.has(fold(path))
  }
  for (const [path, one] of old) {
    const there = found.get(fold(path))
    if ((there?.text !== one.text || there.time !== one.time) && !isReplaced(path))
      faults.push(`${path} was there, and is lost`)
  }
  const olds = new Set([...old.keys()].map(fold))
  for (const path of now.keys())
    if (!olds.has(fold(path)) && !published.has(fold(path))) faults.push(`nobody brought ${path}`)
  if (publish === 'together' && outcomes.some(({ status }) => status === 'failed') && published.size > 0)
    faults.push('something failed, and something was published')
  return faults
}

const shown = (tree: Tree) => [...tree].map(([path, { text, time }]) => `${path} ${text} ${time}`).sort()

/** Whether two entries are one name to the disk. */
export function areSomeOne({ sent, where }: Pick<Scene, 'sent' | 'where'>): boolean {
  if (where !== 'a disk that ignores case') return false
  const paths = new Set<string>()
  for (const path of sent.keys()) for (let at = path; at !== ''; at = parentOf(at)) paths.add(at)
  return new Set([...paths].map(foldName)).size < paths.size
}

/** Puts what stands there, and lets the transfer arrive twice; says what is wrong then. */
export async function faultsIn(scene: Scene): Promise<string[]> {
  const place = await placeOf(scene)
  for (const [path, one] of scene.before) await place.put(path, one)
  const before = await place.files()
  const first = await run(scene, place.store())
  const then = await place.files()
  const second = await run(scene, place.store())
  const last = await place.files()
  const faults = faultsOf(scene, first, before, then)
  for (const fault of faultsOf(scene, second, then, last)) faults.push(`again: ${fault}`)
  const isOver = scene.conflict === 'overwrite' || scene.conflict === 'replace'
  // then each run gives such a name to the one that comes first, and a suffix to the other one
  const isUnsteady = scene.unless === 'nothing' || (isOver && areSomeOne(scene))
  const isStill = !isUnsteady && !first.some(({ status }) => status === 'failed')
  if (isStill && String(shown(last)) !== String(shown(then)))
    faults.push(`a rerun made ${shown(last)} of ${shown(then)}`)
  return faults
}
