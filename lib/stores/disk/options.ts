import type { Clock } from '../../clock.js'
import type { SluiceError } from '../../errors.js'
import type { FileSystem } from '../../files/disk/fs.js'
import type { ClaimOptions } from '../../files/journal/claim-journal.js'
import type { UnfinishedFile } from '../../files/journal/read-journal.js'
import type { Durability } from '../policy.js'
import type { PublishedVersions } from '../published-versions.js'

/** What `diskParts` takes. */
export interface DiskPartsOptions {
  /** The folder that files arrive in. It is made when the first of them comes. */
  dir: string
  fs: FileSystem
  durability: Durability
  /** Files and folders that are open at once. */
  handles: number
  /** Parts of earlier transfers that are to stay. */
  keep?: (file: UnfinishedFile) => boolean
  /** What transfers before this one of the same series have put there. */
  versions?: PublishedVersions | undefined
  /** Whether this one is of a series, asked once something is offered: else `versions` counts for nothing. */
  inSeries?: (() => boolean) | undefined
  warn?: (warning: SluiceError) => void
  /** For tests. */
  clock?: Clock
  ownership?: Ownership
}

/** How it is found out which processes are dead. */
export type Ownership = Pick<ClaimOptions, 'clock' | 'system' | 'now'>
