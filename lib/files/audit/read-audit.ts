import { basename } from 'node:path'
import { checkKeys } from '../../options.js'
import { diskError } from '../disk/disk-error.js'
import type { FileSystem } from '../disk/fs.js'
import { localPath, type PathLike } from '../disk/names.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import { openRegular, withRegular } from '../disk/open-regular.js'
import { readPieces } from '../disk/read-write.js'
import { ifThere, sameInode } from '../disk/stats.js'
import type { PassOver } from '../own/foreign.js'
import { listRotated, type Rotated } from './audit-file.js'
import { type AuditRecord, decodeLine, LONGEST_AUDIT_LINE } from './audit-record.js'

/** Options of {@link readAudit}. */
export interface ReadAuditOptions {
  fs?: FileSystem
  /** Called for each incomplete line. */
  onTorn?: () => void
  /** Told of each rotated file that is not read, because another user has put it there. */
  onPassedOver?: PassOver
}

type OpenTrailFile = Awaited<ReturnType<typeof openRegular>>

const READ_BYTES = 64 * 1024

/**
 * The records of the trail at `path`, of all processes, file by file, the oldest first; none if there is no trail.
 * Within a file they are in the order in which they were written. The trail may be written and rotated meanwhile;
 * records that are added later are left out. Fails with the codes of {@link diskError}.
 */
export function readAudit(
  path: PathLike,
  options: ReadAuditOptions = {},
): AsyncGenerator<AuditRecord, void, void> {
  checkKeys('options', options, { fs: true, onTorn: true, onPassedOver: true })
  const { fs = nodeFileSystem } = options
  return recordsAt(fs, localPath('path', path), options)
}

async function* recordsAt(
  fs: FileSystem,
  full: string,
  { onTorn = () => {}, onPassedOver }: ReadAuditOptions,
): AsyncGenerator<AuditRecord, void, void> {
  let newest: OpenTrailFile | undefined
  try {
    // opened before the others are listed: a file that is rotated meanwhile is in the list, or is this one
    newest = await ifThere(openRegular(fs, full))
    for (const { path: old } of await rotatedOf(fs, full, onPassedOver)) {
      const file = await ifThere(openRegular(fs, old))
      try {
        if (file && !(newest && sameInode(file.stats, newest.stats))) yield* recordsIn(fs, file, onTorn)
      } finally {
        if (file) await fs.close(file.fd).catch(() => {})
      }
    }
    if (newest) yield* recordsIn(fs, newest, onTorn)
  } catch (error) {
    throw diskError(error, 'read the audit trail', full)
  } finally {
    if (newest) await fs.close(newest.fd).catch(() => {})
  }
}

async function rotatedOf(fs: FileSystem, path: string, passOver?: PassOver): Promise<Rotated[]> {
  const rotated = (await ifThere(listRotated(fs, path, basename(path), passOver))) ?? []
  // two processes that rotate at the same time use the same number
  const twins = rotated.filter(({ number }, i) =>
    [rotated[i - 1], rotated[i + 1]].some((other) => other?.number === number),
  )
  const times = new Map<Rotated, string>()
  for (const twin of twins) times.set(twin, await firstTime(fs, twin.path))
  const timeOf = (one: Rotated) => times.get(one) ?? ''
  const order = (a: string, b: string) => Number(a > b) - Number(a < b)
  return rotated.sort((a, b) => a.number - b.number || order(timeOf(a), timeOf(b)))
}

/** The time of the first record; '' if there is none. */
async function firstTime(fs: FileSystem, path: string): Promise<string> {
  const first = withRegular(fs, path, async (fd, stats) => {
    for await (const { time } of recordsIn(fs, { fd, stats }, () => {})) return time
    return ''
  })
  return (await ifThere(first)) ?? ''
}

async function* recordsIn(
  fs: FileSystem,
  { fd }: OpenTrailFile,
  onTorn: () => void,
): AsyncGenerator<AuditRecord> {
  for await (const line of linesOf(fs, fd, onTorn)) {
    const { record, torn } = decodeLine(line)
    if (torn) onTorn()
    if (record) yield record
  }
}

/**
 * The lines, including an incomplete last one. Of a line that is too long only the end is returned, where a record
 * may be.
 */
async function* linesOf(fs: FileSystem, fd: number, onTorn: () => void): AsyncGenerator<string> {
  let rest = Buffer.alloc(0)
  for await (const piece of readPieces(fs, fd, READ_BYTES)) {
    let from = 0
    for (let end = piece.indexOf(0x0a); end !== -1; end = piece.indexOf(0x0a, from)) {
      yield Buffer.concat([rest, piece.subarray(from, end)]).toString()
      rest = Buffer.alloc(0)
      from = end + 1
    }
    rest = Buffer.concat([rest, piece.subarray(from)])
    if (rest.length > 2 * LONGEST_AUDIT_LINE) {
      onTorn()
      rest = Buffer.from(rest.subarray(-LONGEST_AUDIT_LINE))
    }
  }
  if (rest.length > 0) yield rest.toString()
}
