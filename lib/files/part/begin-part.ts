import { basename, dirname } from 'node:path'
import { systemClock } from '../../clock.js'
import { printable, SluiceError } from '../../errors.js'
import { checkLocalPath, checkOption } from '../../options.js'
import type { FileSystem } from '../disk/fs.js'
import {
  checkIsOther,
  checkName,
  isPartNameOf,
  localTarget,
  nameOf,
  type PathLike,
  parentOf,
  partCandidate,
  textOfPath,
} from '../disk/names.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import type { JournalFile, Prefix } from '../journal/journal-records.js'
import type { UnfinishedFile } from '../journal/read-journal.js'
import { takeOver } from '../journal/take-over.js'
import { admissionOf, HANDLES } from '../own/admission.js'
import { checkNotReserved, checkTargetNotReserved } from '../own/reserved.js'
import type { Tree } from '../tree/tree.js'
import { BarePart } from './bare-part.js'
import { isJournalOfPart, PartJournal } from './part-journal.js'
import { DEFAULT_ALGORITHM, hexOf, type PartFileOptions } from './part-options.js'
import { RunningDigest } from './running-digest.js'
import { shareTree } from './share-tree.js'

/** The path of a file below a tree. */
export interface PlaceInTree {
  tree: Tree
  path: string
}

/**
 * Where the part of a file belongs: `ERR_USAGE`, and `ERR_PATH` if it does not end in a name.
 * @returns `leave`: to be called when the part is closed
 */
export async function placeOf(
  where: PathLike | PlaceInTree,
  options: PartFileOptions,
): Promise<PlaceInTree & { leave: () => Promise<void> }> {
  const { fs = nodeFileSystem, durability = 'crash', makeParents = true, journal } = options
  if (typeof where === 'object' && where !== null && 'tree' in where) {
    const { tree, path } = where
    checkLocalPath('path', path)
    checkName(nameOf(path), tree.fs.platform, path)
    checkNotReserved(path)
    checkPartName(nameOf(path), options, tree.fs)
    const leave = journal ? await admit(tree.fs) : () => {}
    return { tree, path, leave: async () => leave() }
  }
  const given = textOfPath('the path of a part', where)
  const file = localTarget('the path of a part', given)
  // a path that ends in a slash means a folder
  checkName(given.endsWith('/') ? '' : basename(given), fs.platform, given)
  checkTargetNotReserved(given)
  checkPartName(basename(given), options, fs)
  const leave = await admit(fs)
  try {
    const shared = await shareTree(dirname(file), fs, { durability, create: makeParents })
    return { tree: shared.tree, path: basename(file), leave: () => shared.leave().finally(leave) }
  } catch (error) {
    leave()
    throw error
  }
}

/** `ERR_PATH` for a name of ours, `ERR_USAGE` for that of the file, or one that the journal would not be believed. */
function checkPartName(name: string, { partName, journal }: PartFileOptions, fs: FileSystem): void {
  if (partName === undefined) return
  checkOption('partName', partName, typeof partName === 'string', 'a name')
  checkName(partName, fs.platform, partName)
  checkNotReserved(partName)
  checkIsOther('partName', partName, name)
  const isFound = !journal || isPartNameOf(partName, name)
  checkOption(
    'partName',
    partName,
    isFound,
    `with a journal ${printable(partCandidate(name, 0))}, or left out`,
  )
}

const admit = (fs: FileSystem) => admissionOf(fs).enter(HANDLES.part, systemClock)

/** A part that is there, with the digest of what it is known to hold, and the journal that knows it. */
export interface BegunPart {
  part: BarePart
  digest: RunningDigest
  journal?: PartJournal | undefined
}

/** A part that was left, and what is said to stand in it, if it was begun for the same content. */
interface LeftHere {
  part: string
  prefix?: Prefix | undefined
  /** It took the place of the part that the journal before knows: that one knows it no more. */
  isCopy?: boolean
}

/** Begins a part, or goes on with one, as the options say. */
export async function beginPart(tree: Tree, path: string, options: PartFileOptions): Promise<BegunPart> {
  const { journal, prefix, offset, size = null, mtime = 0, expected, makeParents = true } = options
  const { durability = 'crash', partName = partCandidate(nameOf(path), 0) } = options
  if (makeParents) await makeFoldersAbove(tree, path, durability === 'power')
  if (offset !== undefined) return goOnAt(tree, path, options, offset)
  if (!journal) return begin(tree, path, options, prefix && { part: partName, prefix })
  const file = { path, size, mtime, expected: expected && hexOf(expected) }
  const isOfFile = ({ target }: UnfinishedFile) => target === path
  const journals = { wait: true, isJournal: (name: string) => isJournalOfPart(name, path) }
  return takeOver(tree, isOfFile, journals, async (parts, taker) => {
    const found = parts.find((one) => isSame(one.file, file)) ?? parts[0]
    if (found) await taker.own(found)
    const left = found && {
      part: found.file.part,
      prefix: isSame(found.file, file) ? found.file.prefix : undefined,
      isCopy: found.mayWake,
    }
    // a part that is there keeps its age: what was changed before its journal began would not be taken for ours
    const known = found ? { ...file, part: found.file.part, at: found.file.at } : { ...file, part: partName }
    const made = await PartJournal.create(tree, known, durability)
    if (found) {
      await taker.place(found).catch(async (error: unknown) => {
        // the part is what the journal before knows
        await made.end().catch(() => {})
        throw error
      })
    }
    const begun = await begin(tree, path, options, left, made)
    if (found) taker.taken(found)
    return begun
  })
}

/** The same file: of another size or time, or with another digest, it is other content. */
function isSame(a: UnfinishedFile, b: Omit<JournalFile, 'part'>): boolean {
  return a.size === b.size && a.mtime === b.mtime && a.expected === b.expected
}

/** The folders above a path below a tree; with `power` their names last. */
async function makeFoldersAbove(tree: Tree, path: string, power: boolean): Promise<void> {
  const above = parentOf(path)
  if (above === '') return
  await makeFoldersAbove(tree, above, power)
  await tree.makeFolder(above)
  const parent = parentOf(above)
  if (power) await tree.sync(parent)
}

/** Goes on where the caller says. */
async function goOnAt(
  tree: Tree,
  path: string,
  options: PartFileOptions,
  offset: number,
): Promise<BegunPart> {
  const part = new BarePart(tree, path, options)
  return orClose(part, async () => {
    if (!(await part.isOfUser())) throw partOfAnother(part.partPath)
    await part.resume(offset)
    return { part, digest: digestOf(options) }
  })
}

/** Goes on with what was left, if that is possible; else begins a new part. */
async function begin(
  tree: Tree,
  path: string,
  options: PartFileOptions,
  left: LeftHere | undefined,
  journal?: PartJournal,
): Promise<BegunPart> {
  let part: BarePart | undefined
  try {
    const begun = left && (await goOn(tree, path, options, left, journal !== undefined))
    part = begun?.part ?? new BarePart(tree, path, options)
    if (!begun) await part.createFree((name) => journal?.rename(name) ?? Promise.resolve())
    const digest = begun?.digest ?? digestOf(options)
    await journal?.made(await part.identity(), digest)
    return { part, digest, journal }
  } catch (error) {
    await part?.close()
    // what was left is still in the journal that it was found by, unless it was copied
    const isKnown = left !== undefined && !left.isCopy
    await (part?.exists && !isKnown ? journal?.close() : journal?.end())?.catch(() => {})
    throw error
  }
}

/**
 * Goes on with a part if what is said to stand in it does.
 * @param isOurs it is known to be ours, whatever stands in it
 */
async function goOn(
  tree: Tree,
  path: string,
  options: PartFileOptions,
  left: LeftHere,
  isOurs: boolean,
): Promise<BegunPart | undefined> {
  const part = new BarePart(tree, path, { ...options, partName: left.part, offset: 0 })
  const digest = digestOf(options)
  try {
    return await orClose(part, async () => {
      // who owns it could exchange what was proved
      if (!isOurs && !(await part.isOfUser())) return void (await part.close())
      const proved = await prove(part, digest, left.prefix, options.size)
      if (proved === 0 && !isOurs) return void (await part.close())
      await part.resume(proved)
      return { part, digest }
    })
  } catch (error) {
    // another part would be begun, and nobody would know of this one any more
    if (isOurs) throw error
    // gone, or something else by now: if it is the disk, a new part fails, too
    return undefined
  }
}

/** How many bytes of what is said to stand in the part do: all of them, or none. */
async function prove(
  part: BarePart,
  digest: RunningDigest,
  prefix: Prefix | undefined,
  size = Number.POSITIVE_INFINITY,
): Promise<number> {
  if (prefix === undefined || prefix.offset > size) return 0
  await part.show(digest, prefix.offset)
  if (digest.seen === prefix.offset && digest.prefix().digest === prefix.digest.toLowerCase())
    return digest.seen
  digest.clear()
  return 0
}

function partOfAnother(path: string): SluiceError {
  const message = `the part ${printable(path)} belongs to another user, who could change it at any time: begin a new one`
  return new SluiceError('ERR_PERMISSION', message, { path })
}

async function orClose<T>(part: BarePart, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    await part.close()
    throw error
  }
}

function digestOf({ algorithm = DEFAULT_ALGORITHM }: PartFileOptions): RunningDigest {
  return new RunningDigest(algorithm)
}
