import { inSlices } from '../../../async.js'
import { counted } from '../../../errors.js'
import { quoted, size, widthOf } from '../../../terminal/text.js'
import type { Entry, Offer } from '../../../wire/entry.js'
import { RiskyPaths } from './risky-names.js'
import { shownName } from './shown-name.js'
import { Kinds } from './tally.js'

/** How many names of an offer are shown. */
const SHOWN = 10

/** Names up to so many columns stand in a column of their own. */
const WIDEST = 30

/** Characters of a path that are shown. */
const LONGEST = 200

/** An entry, as far as it is known. */
export type DescribedEntry = Pick<Entry, 'path' | 'type'> & Partial<Entry>

/** What is offered under one name: a file, a link, or a folder with all below it. */
class Branch {
  /** What stands at the name itself; undefined if only something below it is offered. */
  entry: Entry | undefined
  bytes = 0
  executables = 0
  readonly kinds = new Kinds()

  add(entry: Entry): void {
    this.kinds.add(entry.type)
    this.bytes += entry.size ?? 0
    if (isExecutable(entry)) this.executables++
  }

  get isFolder(): boolean {
    return this.entry === undefined || this.entry.type === 'directory'
  }

  get about(): string {
    if (!this.isFolder) return aboutEntry(this.entry!)
    const programs = this.executables === 0 ? '' : `, ${counted(this.executables, 'executable')}`
    return `${this.kinds}, ${size(this.bytes)}${programs}`
  }
}

/**
 * An offer as lines for people: how many entries, bytes and free bytes; the names at its top, or in its only folder,
 * the largest first; and what of it is risky. There may be a million entries: others have their turn meanwhile.
 */
export async function describeOffer(offer: Offer, free: number | undefined): Promise<string[]> {
  const kinds = new Kinds()
  const risky = new RiskyPaths(SHOWN)
  await inSlices(offer.entries, ({ type, path }) => {
    kinds.add(type)
    risky.add(path)
  })
  const branches = await branchesOf(offer)
  const shown = Array.from(branches)
    .sort(([, one], [, other]) => other.bytes - one.bytes)
    .slice(0, SHOWN)
    .map(([path, { about, isFolder }]) => ({ name: quoted(isFolder ? `${path}/` : path, LONGEST), about }))
  const column = Math.max(...shown.map(({ name }) => widthOf(name)).filter((width) => width <= WIDEST))
  return [
    `offered: ${quoted(offer.name, 100)}, ${kinds}, ${size(offer.bytes)}${roomFor(offer.bytes, free)}`,
    ...shown.map(
      ({ name, about }) => `  ${name}${' '.repeat(Math.max(column - widthOf(name), 0))}  ${about}`,
    ),
    ...(branches.size > SHOWN ? [`  … and ${branches.size - SHOWN} more`] : []),
    ...carefulLines(risky),
  ]
}

/** What of an offer is risky, as lines for people. */
export async function describeRisks({ entries }: Offer): Promise<string[]> {
  const risky = new RiskyPaths(SHOWN)
  await inSlices(entries, ({ path }) => risky.add(path))
  return carefulLines(risky)
}

function carefulLines({ worst, count }: RiskyPaths): string[] {
  const lines: string[] = []
  let left = count
  for (const { paths, more } of worst) {
    left -= paths.length + more
    for (const path of paths) lines.push(`  careful: ${quoted(bothEnds(path))}`)
    if (more > 0) lines.push(`${lines.pop()}, and ${more} more of this kind`)
  }
  if (left > 0) lines.push(`  careful: … and ${left} more of other kinds`)
  return lines
}

/** Of a long path, what is risky of it need not stand at the beginning. */
function bothEnds(path: string): string {
  const half = LONGEST / 2
  return path.length <= LONGEST ? path : `${path.slice(0, half)}…${path.slice(-half)}`
}

/** Some of it may be there already, so that less is needed. */
function roomFor(bytes: number, free: number | undefined): string {
  if (free === undefined) return ''
  return free < bytes ? ` (may not fit: ${size(free)} free)` : ` (${size(free)} free)`
}

/** One line for each entry. */
export function* listOffer({ entries }: Offer): Generator<string> {
  for (const entry of entries) {
    const about = aboutEntry(entry)
    yield `  ${quoted(shownName(entry), LONGEST)}${about && `  ${about}`}`
  }
}

/** By path, those at the top; if that is one folder, those in it. */
async function branchesOf({ entries }: Offer): Promise<Map<string, Branch>> {
  const top = await branchesBelow(entries, 0)
  const [[path, { isFolder }] = ['', { isFolder: false }]] = top
  if (top.size !== 1 || !isFolder) return top
  const inside = await branchesBelow(entries, path.length + 1)
  return inside.size === 0 ? top : inside
}

/** By the name that begins at an offset of each path. */
async function branchesBelow(entries: readonly Entry[], from: number): Promise<Map<string, Branch>> {
  const branches = new Map<string, Branch>()
  await inSlices(entries, (entry) => {
    const { path } = entry
    if (path.length <= from) return
    const slash = path.indexOf('/', from)
    const name = slash === -1 ? path : path.slice(0, slash)
    let branch = branches.get(name)
    if (branch === undefined) {
      branch = new Branch()
      branches.set(name, branch)
    }
    if (slash === -1) branch.entry = entry
    branch.add(entry)
  })
  return branches
}

/** What an entry is, beside its name; '' if there is nothing to be said. */
export function aboutEntry(entry: DescribedEntry): string {
  if (entry.type === 'directory') return ''
  if (entry.type === 'symlink')
    return entry.target === undefined ? 'link' : `link to ${quoted(entry.target, LONGEST)}`
  if (entry.type === 'unreadable') return 'could not be read at the sender'
  if (entry.size === undefined) return ''
  const bytes = entry.size === null ? 'of unknown size' : size(entry.size)
  return isExecutable(entry) ? `${bytes}, executable` : bytes
}

function isExecutable({ type, mode }: DescribedEntry): boolean {
  return type === 'file' && ((mode ?? 0) & 0o111) !== 0
}
