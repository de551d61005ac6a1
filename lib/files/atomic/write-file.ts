import { checkChoice, checkKeys, isBytes, type Keys } from '../../options.js'
import { AUDITED, type Audited, audited } from '../audit/recorder.js'
import { encodeText, TEXT_ENCODINGS, type TextEncoding } from '../content/encodings.js'
import { ENCODE_OPTIONS, type EncodeOptions, type Format, knownFormat } from '../content/formats.js'
import { encodeChecked, type Schema } from '../content/schema.js'
import { type PathLike, textOfPath } from '../disk/names.js'
import { handlesOf } from '../tree/handle-budget.js'
import { AtomicFile, type Written } from './atomic-file.js'
import {
  ATOMIC_WRITE_OPTIONS,
  type AtomicWriteOptions,
  type WriteSettings,
  writeSettings,
} from './options.js'
import {
  checkedContent,
  contentOf,
  encodedPieces,
  piecesUntilAborted,
  reading,
  schemaOfStream,
  type WriteData,
} from './pieces.js'

/** Options of {@link writeFileAtomic}. */
export interface WriteFileOptions extends AtomicWriteOptions, Audited {
  /** The encoding for text; characters that it cannot hold are an error. Default 'utf8'. */
  encoding?: TextEncoding
  /**
   * A JSON Schema that the content must match before anything is written (`ERR_SCHEMA`). The name must end with
   * `.json`, `.yaml` or `.yml`, and the content must be text or bytes, not a stream.
   */
  schema?: Schema
}

const WRITE_FILE_OPTIONS: Keys<WriteFileOptions> = {
  ...ATOMIC_WRITE_OPTIONS,
  ...AUDITED,
  encoding: true,
  schema: true,
}

/** Options of {@link writeJson}, {@link writeYaml} and {@link writeConfig}. */
export interface WriteValueOptions extends AtomicWriteOptions, EncodeOptions, Audited {
  /** A JSON Schema that the value is checked with before anything is written (`ERR_SCHEMA`). */
  schema?: Schema
}

/** Their names. */
export const WRITE_VALUE_OPTIONS: Keys<WriteValueOptions> = {
  ...ATOMIC_WRITE_OPTIONS,
  ...ENCODE_OPTIONS,
  ...AUDITED,
  schema: true,
}

/**
 * Writes a file whole or not at all: until it has its name, and after any error or abort, the existing file is
 * unchanged. Only if the very last step failed, the sync of the folder, the new content is there, but a power loss
 * may bring back the old one. With durability 'power' (the default) the new content survives a power loss once this
 * resolves. If two write the same file at the same time, both contents are whole, and the last one stays.
 *
 * If a stream or iterable fails, its error is passed on; other failures are `ERR_USAGE`, `ERR_SCHEMA`, `ERR_PARSE`,
 * `ERR_DISK_FULL`, `ERR_READ_ONLY`, `ERR_PERMISSION`, `ERR_UNSAFE_LINK`, `ERR_WRITE`, `ERR_DIGEST` (with `verify`),
 * `ERR_CONFLICT` (with `conflict: 'fail'`) and `ERR_CANCELLED`.
 */
export function writeFileAtomic(
  file: PathLike,
  data: WriteData,
  options: WriteFileOptions = {},
): Promise<Written> {
  return audited('writeFileAtomic', file, options, async () => {
    checkKeys('options', options, WRITE_FILE_OPTIONS)
    const { encoding = 'utf8', schema } = options
    const path = textOfPath('path', file)
    const settings = writeSettings(path, options)
    checkChoice('encoding', encoding, TEXT_ENCODINGS)
    const content = contentOf(data, encoding)
    if (isBytes(content)) return writeBytes(await checkedContent(content, encoding, schema, path), settings)
    if (schema !== undefined) throw schemaOfStream()
    return reading(content, async (begun) => {
      const handles = handlesOf(settings.fs)
      const file = await handles.retry(() => openWith(settings))
      try {
        const source = piecesUntilAborted(begun, options.signal, path)
        for await (const bytes of encodedPieces(source, encoding)) await file.write([bytes])
        return await file.commit()
      } finally {
        await file.discard()
      }
    })
  })
}

/**
 * Writes a value as JSON that ends with a line feed. Fails as {@link writeFileAtomic}, with `ERR_USAGE` for what JSON
 * cannot hold ({@link encodeValue}).
 */
export function writeJson(path: PathLike, value: unknown, options: WriteValueOptions = {}): Promise<Written> {
  return audited('writeJson', path, options, () => writeValue('json', path, value, options))
}

/**
 * Writes a value as YAML 1.2. Fails as {@link writeFileAtomic}, with `ERR_USAGE` for what YAML cannot hold
 * ({@link encodeValue}).
 */
export function writeYaml(path: PathLike, value: unknown, options: WriteValueOptions = {}): Promise<Written> {
  return audited('writeYaml', path, options, () => writeValue('yaml', path, value, options))
}

/**
 * Writes a value as JSON or YAML, depending on the ending of the name: `.json`, `.yaml`, `.yml`. Fails as {@link
 * writeFileAtomic}, with `ERR_USAGE` for any other name and for what the format cannot hold ({@link encodeValue}).
 */
export function writeConfig(
  path: PathLike,
  value: unknown,
  options: WriteValueOptions = {},
): Promise<Written> {
  const write = async () => writeValue(knownFormat(textOfPath('path', path)), path, value, options)
  return audited('writeConfig', path, options, write)
}

async function writeValue(
  format: Format,
  file: PathLike,
  value: unknown,
  options: WriteValueOptions,
): Promise<Written> {
  checkKeys('options', options, WRITE_VALUE_OPTIONS)
  const path = textOfPath('path', file)
  const settings = writeSettings(path, options)
  const text = await encodeChecked(format, value, options, path)
  return writeBytes(encodeText(text), settings)
}

function writeBytes(bytes: Uint8Array, settings: WriteSettings): Promise<Written> {
  // a thousand at once wait for one another, rather than for handles
  const handles = handlesOf(settings.fs)
  return handles.brief(async () => {
    const file = await handles.retry(() => openWith({ ...settings, total: bytes.length }))
    await file.write([bytes])
    return file.commit()
  }, handlesOfWrite(settings))
}

/** The temporary file; and what a backup is copied from and to where there are no links, or a copy to another disk. */
function handlesOfWrite({ backup, tempDir }: WriteSettings): number {
  return backup > 0 || tempDir !== undefined ? 3 : 1
}

/** {@link AtomicFile.open} with what `writeSettings` has made of the options. */
export function openWith({ path, ...options }: WriteSettings): Promise<AtomicFile> {
  return AtomicFile.open(path, options)
}
