import { createHash, getHashes } from 'node:crypto'
import { counted, isSluiceError, printable, type SluiceError } from '../../errors.js'
import { badOption, checkChoice, checkKeys, checkOption, checkWhole, type Keys } from '../../options.js'
import { AUDITED, type Audited, audited } from '../audit/recorder.js'
import { errorCode, readError } from '../disk/disk-error.js'
import { type FileSystem, OPEN } from '../disk/fs.js'
import { localPath, type PathLike } from '../disk/names.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import { readPieces } from '../disk/read-write.js'
import { handlesOf } from '../tree/handle-budget.js'
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
  /** Its value must match this JSON Schema. */
  schema?: Schema
  fs?: FileSystem
}

const CHECK_OPTIONS: Keys<CheckOptions> = {
  ...AUDITED,
  size: true,
  minSize: true,
  maxSize: true,
  digest: true,
  encoding: true,
  format: true,
  schema: true,
  fs: true,
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

/**
 * Checks the properties of a file. A link is followed. The file is read in blocks, whatever its size, unless its
 * value is checked. Fails only with `ERR_USAGE`: what is wrong with the file is in the report.
 */
export function checkFile(file: PathLike, options: CheckOptions = {}): Promise<FileReport> {
  return audited('checkFile', file, options, async () => {
    const path = localPath('path', file)
    checkFileOptions(path, options)
    const check = new Checking(path, options)
    const fs = options.fs ?? nodeFileSystem
    await handlesOf(fs).brief(() => check.run(fs))
    return { ok: check.failed.length === 0, failed: check.failed }
  })
}

function checkFileOptions(path: string, options: CheckOptions): void {
  checkKeys('options', options, CHECK_OPTIONS)
  const { digest, encoding, format, schema, ...sizes } = options
  for (const name of ['size', 'minSize', 'maxSize'] as const) checkWhole(name, sizes[name], 0)
  checkChoice('encoding', encoding, TEXT_ENCODINGS)
  checkChoice('format', format, ['json', 'yaml'])
  checkKeys('digest', digest, { algorithm: true, hex: true })
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

  constructor(path: string, options: CheckOptions) {
    this.#path = path
    this.#options = options
  }

  async run(fs: FileSystem): Promise<void> {
    try {
      const stats = await fs.stat(this.#path)
      if (!stats.isFile()) {
        const found = stats.isDirectory() ? 'a folder' : 'a pipe, a socket or a device'
        this.#fail('regular', 'a regular file', found, `is ${found}, not a regular file`)
        return
      }
      const fd = await fs.open(this.#path, OPEN.anyFile)
      try {
        this.#size((await fs.fstat(fd)).size)
        const { digest, encoding, format, schema } = this.#options
        if ((digest ?? encoding ?? format ?? schema) !== undefined) await this.#content(fs, fd)
      } finally {
        await fs.close(fd).catch(() => {})
      }
    } catch (error) {
      if (isSluiceError(error)) throw error
      const found = errorCode(error)
      const check = found === 'ENOENT' || found === 'ENOTDIR' ? 'exists' : 'readable'
      this.failed.push({ check, found, message: readError(error, this.#path).message })
    }
  }

  #size(found: number): void {
    const { size, minSize = 0, maxSize = found } = this.#options
    if (size !== undefined && found !== size)
      this.#fail('size', size, found, `has ${counted(found, 'byte')}, not ${size}`)
    if (found < minSize)
      this.#fail('size', minSize, found, `has ${counted(found, 'byte')}, fewer than ${minSize}`)
    if (found > maxSize)
      this.#fail('size', maxSize, found, `has ${counted(found, 'byte')}, more than ${maxSize}`)
  }

  async #content(fs: FileSystem, fd: number): Promise<void> {
    const { digest, encoding, format, schema } = this.#options
    const hasher = digest && createHash(digest.algorithm)
    const decoder = encoding && encoding !== 'latin1' ? textDecoder(encoding) : undefined
    const isValue = format !== undefined || schema !== undefined
    const kept: Buffer[] = []
    let isText = true
    const decode = (piece?: Uint8Array) => {
      try {
        if (isText) decoder?.decode(piece, { stream: piece !== undefined })
      } catch {
        isText = false
      }
    }
    for await (const piece of readPieces(fs, fd)) {
      hasher?.update(piece)
      decode(piece)
      if (isValue) kept.push(Buffer.from(piece))
    }
    decode()
    if (digest && hasher) {
      const [expected, found] = [digest.hex.toLowerCase(), hasher.digest('hex')]
      if (found !== expected)
        this.#fail('digest', expected, found, `has the ${digest.algorithm} digest ${found}, not ${expected}`)
    }
    if (!isText) this.#fail('encoding', encoding, undefined, `is not text in ${encoding}`)
    if (isValue) await this.#value(Buffer.concat(kept))
  }

  async #value(content: Buffer): Promise<void> {
    const { encoding = 'utf8', format = formatOf(this.#path)!, schema } = this.#options
    try {
      const value = await parseText(format, decodeText(content, encoding, this.#path), this.#path)
      if (schema !== undefined) await checkSchema(value, schema, this.#path)
    } catch (error) {
      const { message } = error as SluiceError
      if (isSluiceError(error, 'ERR_PARSE')) this.failed.push({ check: 'format', expected: format, message })
      else if (isSluiceError(error, 'ERR_SCHEMA'))
        this.failed.push({ check: 'schema', expected: schema, found: error.found, message })
      else throw error
    }
  }

  #fail(check: FileCheck, expected: unknown, found: unknown, what: string): void {
    this.failed.push({ check, expected, found, message: `${printable(this.#path)} ${what}` })
  }
}
