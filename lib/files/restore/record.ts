import { decodeSealed, encodeSealed } from '../own/record.js'

/** What is going to be done with a file. */
export type RecoveryKind = 'write' | 'create' | 'delete'

/** The content of the file of a point. */
export interface PointRecord {
  kind: RecoveryKind
  /** Below the folder, with `/`. */
  path: string
  /** Milliseconds since 1970. */
  time: number
  /** SHA-256 of the file before the change, hexadecimal; missing if there was none. */
  old?: string
  /** The kept content is a second name of the file, not a copy: it may have been written to since. */
  linked?: boolean
  /** SHA-256 of the file after the change; null if there was none. Missing until `after` is called. */
  after?: string | null
}

/** A commit: all points with a lower number no longer count. */
export interface CommitRecord {
  kind: 'commit'
  time: number
}

const POINT_TITLE = 'sluice-point 1'

/** The bytes of a record. */
export function encodePoint(record: PointRecord | CommitRecord): Buffer {
  return encodeSealed(POINT_TITLE, record)
}

/** The record in `bytes`; undefined if they are damaged or anything else. */
export function decodePoint(bytes: Buffer): PointRecord | CommitRecord | undefined {
  // if the digest fits, this library wrote it, so that its fields need no check
  return decodeSealed(POINT_TITLE, bytes) as PointRecord | CommitRecord | undefined
}
