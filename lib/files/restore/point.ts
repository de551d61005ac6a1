import type { PointRecord, RecoveryKind } from './record.js'
import type { Stored } from './store.js'

/** A point to which one file can be restored. */
export interface RecoveryPoint {
  readonly kind: RecoveryKind
  /** The path of the file below the folder, with `/`. */
  readonly path: string
  /** When the point was made, in milliseconds since 1970. */
  readonly time: number
  /** Whether {@link RecoveryManager.after} was called. */
  readonly done: boolean
  /** Whether it was made by an earlier manager, which was closed or whose process died. */
  readonly earlier: boolean
}

/** A point with its record. One that cannot be read has the path of its own file. */
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
