import { createHash } from 'node:crypto'

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

const POINT_HEADER = /^sluice-point 1 ([0-9a-f]{64})\n/

/** The bytes of a record: a line with the digest of the rest, then the rest as JSON. */
export function encodePoint(record: PointRecord | CommitRecord): Buffer {
  const body = JSON.stringify(record)
  return Buffer.from(`sluice-point 1 ${pointDigest(body)}\n${body}`)
}

/** The record in `bytes`; undefined if they are damaged or anything else. */
export function decodePoint(bytes: Buffer): PointRecord | CommitRecord | undefined {
  const text = bytes.toString()
  const header = POINT_HEADER.exec(text)
  const body = text.slice(header?.[0].length ?? 0)
  // if the digest fits, this library wrote it, so that its fields need no check
  return header && pointDigest(body) === header[1]
    ? (JSON.parse(body) as PointRecord | CommitRecord)
    : undefined
}

function pointDigest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
