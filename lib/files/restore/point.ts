import type { PointRecord, RecoveryKind } from './record.js'
import type { Stored } from './store.js'

/** A point to which one file can be taken back. */
export interface RecoveryPoint {
  readonly kind: RecoveryKind
  /** Below the folder, with `/`. */
  readonly path: string
  /** When it was made, in milliseconds since 1970. */
  readonly time: number
  /** Whether {@link RecoveryManager.after} was called for it. */
  readonly done: boolean
  /** Whether an earlier manager made it, that was closed or died. */
  readonly earlier: boolean
}

/** A point as the manager has it. One that cannot be read has the path of its own file. */
export class Point implements RecoveryPoint {
  constructor(
    readonly stored: Stored,
    readonly earlier: boolean,
  ) {}

  get record(): PointRecord | undefined {
    const { record } = this.stored
    return record?.kind === 'commit' ? undefined : record
  }

  get kind(): RecoveryKind {
    return this.record?.kind ?? 'write'
  }

  get path(): string {
    return this.record?.path ?? `${this.stored.folder}/${this.stored.key}.point`
  }

  get time(): number {
    return this.record?.time ?? 0
  }

  get done(): boolean {
    return this.record?.after !== undefined
  }
}
