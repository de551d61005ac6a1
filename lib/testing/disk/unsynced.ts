import { Inode } from './memory-inode.js'
import type { Edit } from './memory-names.js'
import { UnsyncedContent } from './unsynced-content.js'

/** What `fchmod` and its like set. */
export type Attributes = Partial<Pick<Inode, 'mode' | 'uid' | 'gid' | 'mtimeMs' | 'ctimeMs'>>

/** What is on the medium of one inode. */
interface Kept {
  entries: Map<string, { name: string; inode: Inode }>
  medium: Inode
  content: UnsyncedContent
  /** Set, but not synced, in order. */
  attributes: Attributes[]
}

/** The edits of one call: the medium gets all of them, or none. */
interface Step {
  edits: Edit[]
  /** An `fsync` that should have made it last failed: no later one does. */
  doubtful?: boolean
}

/**
 * What a disk was told and has not yet made to last: content and attributes by `fsync` of the file, names by `fsync`
 * of the folder. A power cut keeps any part of it:
 *
 * - names, content and attributes are independent of each other: a name may be there without the content, which is
 *   empty, zeros or torn then ({@link UnsyncedContent}), and a folder may be lost with all that is in it;
 * - of the steps (a rename is one, and so are a link and an unlink) any are kept, in this or another order, in one
 *   folder or several; only the steps of one name keep their order;
 * - a failed `fsync` leaves in doubt what it should have written, and no later one changes that.
 *
 * That is more than any one file system loses: ext4, XFS and APFS keep the order of names, Btrfs does not, and none
 * is asked to.
 */
export class Unsynced {
  readonly #kept = new Map<Inode, Kept>()
  #steps: Step[] = []
  #open: Edit[] = []

  /** The edits from here on belong to the next step. */
  next(): void {
    if (this.#open.length > 0) this.#steps.push({ edits: this.#open })
    this.#open = []
  }

  edit(edit: Edit): void {
    this.#open.push(edit)
  }

  /** A new file or folder, with the attributes that it has from the beginning. */
  made(inode: Inode): void {
    this.#of(inode)
  }

  wrote(inode: Inode, at: number, length: number): void {
    this.#of(inode).content.wrote(inode, at, length)
  }

  truncated(inode: Inode, length: number): void {
    this.#of(inode).content.truncated(inode, length)
  }

  changed(inode: Inode, attributes: Attributes): void {
    this.#of(inode).attributes.push(attributes)
  }

  /** A successful `fsync`. */
  synced(inode: Inode): void {
    if (inode.kind === 'directory') this.#syncNames(inode)
    const kept = this.#of(inode)
    kept.content.synced()
    kept.attributes = []
    copyAttributes(kept.medium, inode)
  }

  /** A failed `fsync`. */
  failed(inode: Inode): void {
    if (inode.kind === 'directory') for (const step of this.#stepsOf(inode)) step.doubtful = true
    this.#of(inode).content.failed()
  }

  /** All of them, which is everything that there is, are on the medium as they are. */
  syncAll(inodes: Iterable<Inode>): void {
    this.#open = []
    this.#steps = []
    this.#kept.clear()
    for (const inode of inodes) {
      const { entries } = this.#of(inode, true)
      for (const [key, entry] of inode.entries) entries.set(key, entry)
    }
  }

  /** What is found after a power cut: the root of a new tree. */
  crash(root: Inode, random: () => number): Inode {
    this.next()
    const entries = new Map<Inode, Kept['entries']>()
    const entriesOf = (folder: Inode) => {
      const known = entries.get(folder) ?? new Map(this.#of(folder).entries)
      entries.set(folder, known)
      return known
    }
    const keep = choice(random, this.#steps.length)
    this.#steps.forEach(({ edits }, i) => {
      if (keep(i)) for (const edit of edits) apply(edit, entriesOf)
    })
    const made = new Map<Inode, Inode>()
    const build = (old: Inode): Inode => {
      const found = this.#found(old, random)
      made.set(old, found)
      for (const [key, { name, inode }] of entriesOf(old)) {
        const known = made.get(inode)
        // a folder has one place
        if (known && inode.kind === 'directory') continue
        const child = known ?? build(inode)
        child.nlink++
        if (child.kind === 'directory') Object.assign(child, { parent: found, name })
        found.entries.set(key, { name, inode: child })
      }
      return found
    }
    const found = build(root)
    found.nlink = 1
    return found
  }

  #of(inode: Inode, withContent = false): Kept {
    const known = this.#kept.get(inode)
    if (known) return known
    const medium = new Inode(inode.ino, inode.kind, inode.mode, inode.birthtimeMs)
    copyAttributes(medium, inode)
    if (withContent) medium.write(inode.content(), 0)
    const kept = { entries: new Map(), medium, content: new UnsyncedContent(medium), attributes: [] }
    this.#kept.set(inode, kept)
    return kept
  }

  #found(old: Inode, random: () => number): Inode {
    const { medium, content, attributes } = this.#of(old)
    const found = new Inode(old.ino, old.kind, medium.mode, old.birthtimeMs)
    copyAttributes(found, medium)
    const keep = choice(random, attributes.length)
    for (const [i, attribute] of attributes.entries()) if (keep(i)) Object.assign(found, attribute)
    found.target = old.target
    if (old.kind === 'file') content.crash(found, random)
    // the time of a write comes with it, or before it, or after it
    const isSet = attributes.some(({ mtimeMs }) => mtimeMs !== undefined)
    if (!isSet && random() < 0.5) found.mtimeMs = old.mtimeMs
    return found
  }

  /** The steps that touched the folder, and those before them that touched the same names in another one. */
  #stepsOf(folder: Inode): Step[] {
    this.next()
    const needed = new Set<string>()
    const steps: Step[] = []
    for (const step of this.#steps.toReversed()) {
      if (step.doubtful) continue
      if (!step.edits.some((edit) => edit.folder === folder || needed.has(nameOf(edit)))) continue
      for (const edit of step.edits) needed.add(nameOf(edit))
      steps.unshift(step)
    }
    return steps
  }

  #syncNames(folder: Inode): void {
    const done = new Set<string>()
    const steps = new Set(this.#stepsOf(folder))
    this.#steps = this.#steps.toReversed().filter((step) => {
      if (steps.has(step)) for (const edit of step.edits) done.add(nameOf(edit))
      // what is in doubt about a name ends with the next step that lasts
      else step.edits = step.edits.filter((edit) => !done.has(nameOf(edit)))
      return !steps.has(step) && step.edits.length > 0
    })
    this.#steps.reverse()
    for (const { edits } of steps) for (const edit of edits) apply(edit, (of) => this.#of(of).entries)
  }
}

function nameOf({ folder, key }: Edit): string {
  return `${folder.ino}/${key}`
}

function apply(
  { folder, key, name, inode }: Edit,
  entriesOf: (folder: Inode) => Map<string, { name: string; inode: Inode }>,
): void {
  if (inode) entriesOf(folder).set(key, { name, inode })
  else entriesOf(folder).delete(key)
}

/** Which of `count` things are kept: none, all, those up to one of them, or any. */
function choice(random: () => number, count: number): (i: number) => boolean {
  const kind = Math.floor(random() * 4)
  const end = Math.floor(random() * (count + 1))
  if (kind === 0) return () => false
  if (kind === 1) return () => true
  return kind === 2 ? (i) => i < end : () => random() < 0.5
}

function copyAttributes(to: Inode, { mode, uid, gid, mtimeMs, ctimeMs }: Inode): void {
  Object.assign(to, { mode, uid, gid, mtimeMs, ctimeMs })
}
