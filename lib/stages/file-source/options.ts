import type { Clock } from '../../clock.js'
import type { SluiceError } from '../../errors.js'
import { badOption, type Keys } from '../../options.js'
import { Plan } from '../../transfer/plan.js'
import type { Entry } from '../../wire/entry.js'
import type { MemoryPool } from '../bytes/memory-pool.js'
import type { Manifest } from '../manifest/builder.js'

/** What `fileSource` takes. */
export interface FileSourceOptions {
  /**
   * What to send: the offer was added to it, and what is wanted is sent as soon as it says so. After each
   * change of it call `wake()`, and at last `finish()`. Default: everything, at once.
   */
  plan?: Plan | undefined
  /** Bytes of a run at most: 1 to 1 MiB, 1 MiB by default. A function is asked again and again. */
  maxRun?: number | (() => number) | undefined
  /**
   * Whether the stream goes on behind `end` until every entry has its outcome in the plan, since something may be asked
   * for again. Default false.
   */
  untilSettled?: boolean | undefined
  clock?: Clock | undefined
  /** Destroys the stream. */
  signal?: AbortSignal | undefined
  /** Where the memory for what is read comes from; fresh memory each time by default. */
  memory?: Pick<MemoryPool, 'take'> | undefined
  /** Called whenever all was given out that the plan wants, and it was decided about all of its entries. */
  onIdle?: (() => void) | undefined
  /** Called with path and cause when a file cannot be sent; the peer is told the code only. */
  onFailure?: ((error: SluiceError, entry: Entry) => void) | undefined
}

/** Their names. */
export const FILE_SOURCE_OPTIONS: Keys<FileSourceOptions> = {
  plan: true,
  maxRun: true,
  untilSettled: true,
  clock: true,
  signal: true,
  memory: true,
  onIdle: true,
  onFailure: true,
}

/** A plan that wants all of a manifest. */
export function planOfAll({ offer }: Manifest): Plan {
  if (offer.first > 0) {
    throw badOption('plan', 'that of the transfer where an offer follows another one', undefined)
  }
  const plan = new Plan('asks')
  plan.add(offer)
  plan.want(offer.entries.length)
  return plan
}
