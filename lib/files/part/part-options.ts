import { checkChoice, checkMode, checkObject, checkOption, checkWhole } from '../../options.js'
import type { ModeMemory } from '../disk/attributes.js'
import type { FileSystem } from '../disk/fs.js'
import { CONFLICTS, type Conflict, DURABILITIES, type Durability } from '../publish/publish.js'
import type { HandleBudget } from '../tree/handle-budget.js'
import type { Directory } from '../tree/tree.js'

/** Where folders come from: a {@link Tree}, or what stands for one. */
export interface Folders {
  readonly fs: FileSystem
  /** What the parts share with the folders. */
  readonly handles: HandleBudget
  directory(path: string): Promise<Directory>
}

/** Options of {@link PartFile.open}. */
export interface PartFileOptions {
  /** Where a path is given instead of a tree. */
  fs?: FileSystem
  /** The name while it arrives. Default: `name.part`, or the next that is free. */
  partName?: string
  /**
   * Goes on with the part that stands under `partName`, of which the first so many bytes are known to be right; what
   * is behind them is cut off. Without it the part is new.
   */
  offset?: number
  /** Permission bits of the finished file. Default: what the umask leaves of 0o666. */
  mode?: number
  /** Time of last change of the finished file, in whole milliseconds. Default: when it was written. */
  mtime?: number
  /** 'power' syncs the content before the file gets its name. Default 'crash'. */
  durability?: Durability
  /** Shared with other files in the same place, so that it is asked once. */
  modes?: ModeMemory
  /** The part stands there with so many bytes, written and sealed by somebody else of this process. */
  written?: number
}

/** Options of {@link PartFile.complete}. */
export interface CompleteOptions {
  /** Default 'rename'. */
  conflict?: Conflict
  /** 'power' where the file was opened with less. Default: as it was opened. */
  durability?: Durability
  /** Whether the file that has the name already, at `path`, has the same content as the part, at `partPath`. */
  identical?: (path: string, partPath: string) => Promise<boolean>
}

/** @throws SluiceError `ERR_USAGE` */
export function checkPartOptions(options: PartFileOptions): void {
  checkObject('the options of a part', options)
  checkWhole('offset', options.offset, 0)
  checkMode('mode', options.mode)
  checkWhole('mtime', options.mtime, Number.MIN_SAFE_INTEGER)
  checkChoice('durability', options.durability, DURABILITIES)
}

/** @throws SluiceError `ERR_USAGE` */
export function checkCompleteOptions({ conflict, durability }: CompleteOptions): void {
  checkChoice('conflict', conflict, CONFLICTS)
  checkChoice('durability', durability, DURABILITIES)
}

/**
 * What stands between the numbers of a peer and the disk.
 * @throws SluiceError `ERR_USAGE`
 */
export function checkPosition(option: string, position: unknown, length = 0): void {
  checkWhole(option, position ?? null, 0, Number.MAX_SAFE_INTEGER - length)
}

/** @throws SluiceError `ERR_USAGE` */
export function checkBuffers(bytes: unknown): asserts bytes is readonly Uint8Array[] {
  const areBuffers = Array.isArray(bytes) && bytes.every((one) => one instanceof Uint8Array)
  checkOption('bytes', bytes, areBuffers, 'a Uint8Array or a list of them')
}
