import { checkWhole } from '../../options.js'
import type { ModeMemory } from '../disk/attributes.js'
import type { FileIdentity, FileSystem } from '../disk/fs.js'
import type { Durability, PublishOptions } from '../publish/publish.js'
import type { Tree } from '../tree/tree.js'

/** Where a part gets its folders from, and the budget that it shares with them. */
export type Folders = Pick<Tree, 'fs' | 'handles' | 'folder'>

/** What is said of a part when it begins. */
export interface BarePartOptions {
  /** The name of the part file. Default: `name.part`, or the next name that is free. */
  partName?: string
  /**
   * Continues the part file `partName`, whose first `offset` bytes are known to be right; what follows them is cut
   * off. Default: a new part file.
   */
  offset?: number
  /** Permission bits of the finished file. Default: what the umask leaves of 0o666. */
  mode?: number
  /** Time of last change of the finished file, in whole milliseconds. Default: when it was written. */
  mtime?: number
  /** 'power' syncs the content before the file gets its name. Default 'crash'. */
  durability?: Durability
  /** Shared by the parts of one place. */
  modes?: ModeMemory
  /** The part file exists, and other code of this process has written and sealed all of it. */
  written?: FileIdentity
}

/** Options of {@link PartFile.open}. */
export interface PartFileOptions extends BarePartOptions {
  /** Where a path is given instead of a tree. */
  fs?: FileSystem
}

/**
 * Options of {@link PartFile.complete}. `conflict` is 'rename' by default, `durability` as it was opened; 'power' also
 * serves a file that was opened with 'crash'.
 */
export interface CompleteOptions extends Partial<PublishOptions> {}

/**
 * Checks a position before the disk sees it: it may come from a peer.
 * @throws SluiceError `ERR_USAGE`
 */
export function checkPosition(option: string, position: unknown, length = 0): void {
  checkWhole(option, position ?? null, 0, Number.MAX_SAFE_INTEGER - length)
}
