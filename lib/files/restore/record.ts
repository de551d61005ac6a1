import { createHash } from 'node:crypto'

/** What is about to be done with a file. */
export type RecoveryKind = 'write' | 'create' | 'delete'

/** What a point says on the disk. */
export interface PointRecord {
  kind: RecoveryKind
  /** Below the folder, with `/`. */
  path: string
  /** Milliseconds since 1970. */
  time: number
  /** SHA-256 of what was there before, hexadecimal; none: nothing did. */
  old?: string
  /** What was kept is the very file that was there, not a copy: it may have been written to since. */
  linked?: boolean
  /** SHA-256 of what was there afterwards; null: nothing. None: nobody has said yet that it is done. */
  after?: string | null
}

/** Or that all points with a lower number no longer count. */
export interface CommitRecord {
  kind: 'commit'
  time: number
}

const POINT_HEADER = /^sluice-point 1 ([0-9a-f]{64})\n/

/** A line with the digest of the rest, and the rest as JSON. */
export function encodePoint(record: PointRecord | CommitRecord): Buffer {
  const body = JSON.stringify(record)
  return Buffer.from(`sluice-point 1 ${pointDigest(body)}\n${body}`)
}

/** The record in `bytes`; undefined where they are not whole, or anything else. */
export function decodePoint(bytes: Buffer): PointRecord | CommitRecord | undefined {
  const text = bytes.toString()
  const header = POINT_HEADER.exec(text)
  const body = text.slice(header?.[0].length ?? 0)
  // the digest is of what this library wrote: then it has its shape, too
  return header && pointDigest(body) === header[1]
    ? (JSON.parse(body) as PointRecord | CommitRecord)
    : undefined
}

function pointDigest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
