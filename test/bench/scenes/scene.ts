import type { Build } from '../movers/build.js'
import type { Mover } from '../movers/mover.js'
import type { Contender } from '../rounds.js'

/** Where a scene is played, and with what. */
export interface Setting {
  /** A folder of its own. */
  scratch: string
  /** All that the runs make may stay until the end: see {@link Place}. */
  roomy: boolean
  /** This build; and another one before it, where two are compared. */
  builds: readonly [Build, ...Build[]]
  /** Is told of each that cannot take part, in one line. */
  missing(line: string): void
}

/** Contenders that are measured side by side, on one disk. */
export interface Scene {
  /** For `--only`, where what stands before a colon suffices. */
  name: string
  title: string
  /** Not of the table of the figures: it is played only where it is asked for. */
  extra?: boolean
  /** At most so many rounds, where they take long. */
  rounds?: number
  /** Files that it makes in all its rounds, where they are more than usual. */
  files?: number
  /** What the sizes of the contenders are, where it is about growth. */
  growth?: 'entries' | 'bytes'
  /** Makes what they work on, too. */
  contenders(setting: Setting): Promise<Contender[]>
  /** What is to be said beside the figures, once all have run. */
  notes?(setting: Setting): string
}

/** Those movers that can take part. */
export async function present(movers: readonly Mover[], { missing }: Setting): Promise<Mover[]> {
  const there: Mover[] = []
  for (const mover of movers) {
    const reason = await mover.missing?.()
    if (reason === undefined) there.push(mover)
    else missing(reason)
  }
  return there
}
