import { createHash, getHashes } from 'node:crypto'
import { printable, SluiceError } from '../../errors.js'
import { badOption, checkChoice, checkLocalPath, checkOption, checkWhole } from '../../options.js'
import { type Audited, audited } from '../audit/audited.js'
import { errorCode, readError } from '../disk/disk-error.js'
import { type FileStats, type FileSystem, OPEN } from '../disk/fs.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import { readFully } from '../disk/read-write.js'
import { decodeText, TEXT_ENCODINGS, type TextEncoding, textDecoder } from './encodings.js'
import { type Format, formatOf, parseText } from './formats.js'
import { checkSchema, type Schema } from './schema.js'

/** The properties that {@link checkFile} can check. */
export type FileCheck =
  | 'exists'
  | 'regular'
  | 'readable'
  | 'size'
  | 'digest'
  | 'encoding'
  | 'format'
  | 'schema'

/** What a file should be. It must always exist, be regular and be readable. */
export interface CheckOptions extends Audited {
  /** Its size in bytes, exactly. */
  size?: number
  /** Its size in bytes, at least. */
  minSize?: number
  /** Its size in bytes, at most. */
  maxSize?: number
  /** Its digest: an algorithm of `node:crypto`, and hexadecimal digits. */
  digest?: { algorithm: string; hex: string }
  /** It must be text in this encoding. Default: any bytes. */
  encoding?: TextEncoding
  /** It must be JSON or YAML. With a schema, the default is the format that its name says. */
  format?: Format
  /** Its value must match this JSON Schema; `format` keywords are not checked. */
  schema?: Schema
  fs?: FileSystem
}

/** One property that does not hold. */
export interface FailedCheck {
  check: FileCheck
  expected?: unknown
  found?: unknown
  message: string
}

/** What {@link checkFile} found. */
export interface FileReport {
  /** Whether nothing failed. */
  ok: boolean
  /** All checks that failed, in the order of {@link FileCheck}. */
  failed: FailedCheck[]
}

/** Bytes that are read at once. */
const CHECK_BYTES = 512 * 1024

/**
 * Checks the properties of a file. A link is followed. The file is read in blocks, whatever its size, unless its
 * value is checked. Fails only with `ERR_USAGE`: what is wrong with the file is in the report.
 */
export function checkFile(path: string, options: CheckOptions = {}): Promise<FileReport> {
  return audited('checkFile', path, options, async () => {
    checkFileOptions(path, options)
    const check = new Checking(path, options)
    await check.run()
    return { ok: check.failed.length === 0, failed: check.failed }
  })
}

function checkFileOptions(path: string, { digest, encoding, format, schema, ...sizes }: CheckOptions): void {
  checkLocalPath('path', path)
  for (const name of ['size', 'minSize', 'maxSize'] as const) checkWhole(name, sizes[name], 0)
  checkChoice('encoding', encoding, TEXT_ENCODINGS)
  checkChoice('format', format, ['json', 'yaml'])
  if (digest) {
    checkChoice('digest.algorithm', digest.algorithm, getHashes())
    const { hex } = digest
    const isHex = typeof hex === 'string' && /^([0-9a-f]{2})+$/i.test(hex)
    checkOption('digest.hex', hex, isHex, 'hexadecimal digits, two for each byte')
  }
  if (schema !== undefined && !format && !formatOf(path)) {
    const expected = 'given where schema is, unless the name ends with .json, .yaml or .yml'
    throw badOption('format', expected, format, { path })
  }
}

class Checking {
  readonly failed: FailedCheck[] = []
  readonly #path: string
  readonly #options: CheckOptions
  readonly #fs: FileSystem
  /** The content, if its value is checked. */
  readonly #kept: Buffer[] = []

  constructor(path: string, options: CheckOptions) {
    this.#path = path
    this.#options = options
    this.#fs = options.fs ?? nodeFileSystem
  }

  async run(): Promise<void> {
    const fs = this.#fs
    let fd: number
    try {
      const stats = await fs.stat(this.#path)
      if (!stats.isFile()) {
        const found = stats.isDirectory() ? 'a folder' : 'a pipe, a socket or a device'
        this.#fail('regular', 'a regular file', found, `is ${found}, not a regular file`)
        return
      }
      fd = await fs.open(this.#path, OPEN.anyFile)
    } catch (error) {
      this.#unreadable(error)
      return
    }
    try {
      const stats = await fs.fstat(fd)
      this.#size(stats)
      if (this.#wantsContent) await this.#content(fd)
    } catch (error) {
      if (error instanceof SluiceError) throw error
      this.#unreadable(error)
    } finally {
      await fs.close(fd).catch(() => {})
    }
  }

  get #wantsContent(): boolean {
    const { digest, encoding, format, schema } = this.#options
    return (digest ?? encoding ?? format ?? schema) !== undefined
  }

  #size({ size: found }: FileStats): void {
    const { size, minSize, maxSize } = this.#options
    if (size !== undefined && found !== size)
      this.#fail('size', size, found, `has ${found} bytes, not ${size}`)
    if (minSize !== undefined && found < minSize)
      this.#fail('size', minSize, found, `has ${found} bytes, fewer than ${minSize}`)
    if (maxSize !== undefined && found > maxSize)
      this.#fail('size', maxSize, found, `has ${found} bytes, more than ${maxSize}`)
  }

  async #content(fd: number): Promise<void> {
    const { digest, encoding, format, schema } = this.#options
    const hasher = digest && createHash(digest.algorithm)
    const decoder = encoding && encoding !== 'latin1' ? textDecoder(encoding) : undefined
    const isValue = format !== undefined || schema !== undefined
    let isText = true
    const decode = (piece: Uint8Array, stream: boolean) => {
      try {
        if (isText) decoder?.decode(piece, { stream })
      } catch {
        isText = false
      }
    }
    const buffer = Buffer.allocUnsafe(CHECK_BYTES)
    for (let position = 0; ; ) {
      const got = await readFully(this.#fs, fd, buffer, position)
      const piece = buffer.subarray(0, got)
      hasher?.update(piece)
      decode(piece, true)
      if (isValue) this.#kept.push(Buffer.from(piece))
      position += got
      if (got < CHECK_BYTES) break
    }
    decode(Buffer.alloc(0), false)
    if (digest && hasher) this.#digest(digest, hasher.digest('hex'))
    if (!isText) this.#fail('encoding', encoding, undefined, `is not text in ${encoding}`)
    if (isValue) await this.#value()
  }

  #digest({ algorithm, hex }: { algorithm: string; hex: string }, found: string): void {
    const expected = hex.toLowerCase()
    if (found !== expected)
      this.#fail('digest', expected, found, `has the ${algorithm} digest ${found}, not ${expected}`)
  }

  async #value(): Promise<void> {
    const { encoding = 'utf8', format, schema } = this.#options
    let value: unknown
    try {
      const text = decodeText(Buffer.concat(this.#kept), encoding, this.#path)
      value = await parseText(format ?? formatOf(this.#path)!, text, this.#path)
    } catch (error) {
      this.#told('format', format ?? formatOf(this.#path), error, 'ERR_PARSE')
      return
    }
    if (schema === undefined) return
    try {
      await checkSchema(value, schema, this.#path)
    } catch (error) {
      this.#told('schema', schema, error, 'ERR_SCHEMA')
    }
  }

  /** Reports an error that answers the check; throws any other one. */
  #told(check: FileCheck, expected: unknown, error: unknown, code: string): void {
    if (!(error instanceof SluiceError) || error.code !== code) throw error
    this.failed.push({ check, expected, found: error.found, message: error.message })
  }

  #unreadable(error: unknown): void {
    const found = errorCode(error)
    const check = found === 'ENOENT' || found === 'ENOTDIR' ? 'exists' : 'readable'
    this.failed.push({ check, found, message: readError(error, this.#path).message })
  }

  #fail(check: FileCheck, expected: unknown, found: unknown, what: string): void {
    this.failed.push({ check, expected, found, message: `${printable(this.#path)} ${what}` })
  }
}
