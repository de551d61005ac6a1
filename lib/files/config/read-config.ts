import { isSluiceError } from '../../errors.js'
import { checkKeys, type Keys } from '../../options.js'
import { audited, UNRECORDED } from '../audit/recorder.js'
import { type Format, knownFormat, parseText } from '../content/formats.js'
import { READ_OPTIONS, type ReadOptions, readFileRetry } from '../content/read-file.js'
import { checkSchema, type Schema } from '../content/schema.js'
import { localPath, type PathLike, textOfPath } from '../disk/names.js'

/** Options of {@link readJson}, {@link readYaml} and {@link readConfig}. */
export interface ReadValueOptions<T = unknown> extends Omit<ReadOptions, 'encoding'> {
  /** A JSON Schema that the value in the file must match (`ERR_SCHEMA`). */
  schema?: Schema
  /**
   * The result if the file is missing, or a YAML file is empty. It is not checked with the schema. Without it a missing
   * file is an error, and an empty YAML file is null.
   */
  default?: T
}

const { encoding: _, ...OF_READ } = READ_OPTIONS

const READ_VALUE_OPTIONS: Keys<ReadValueOptions> = { ...OF_READ, schema: true, default: true }

/**
 * The value in a JSON file, as it stood there at one moment ({@link readFileRetry}). `T` is what the caller says that
 * it is: give a `schema` to have that checked. Numbers are those of JavaScript: one of which it cannot hold all digits,
 * such as an id of 64 bits, becomes the nearest that it can, and one that is too large becomes infinity. The key `<<`
 * of YAML is an ordinary key.
 *
 * Fails with `ERR_NO_SUCH_FILE` (unless there is a `default`), `ERR_PARSE` (no JSON; the message says line and column),
 * `ERR_SCHEMA` (`error.found` lists where, and what), `ERR_SOURCE_READ`, `ERR_SOURCE_CHANGED`, `ERR_LIMIT`,
 * `ERR_CANCELLED`, `ERR_USAGE`.
 */
export function readJson<T = unknown>(path: PathLike, options: ReadValueOptions<T> = {}): Promise<T> {
  return audited('readJson', path, options, () => readValue('json', path, options))
}

/** {@link readJson} for a YAML file. */
export function readYaml<T = unknown>(path: PathLike, options: ReadValueOptions<T> = {}): Promise<T> {
  return audited('readYaml', path, options, () => readValue('yaml', path, options))
}

/**
 * {@link readJson} for a JSON or YAML file, depending on the ending of its name: `.json`, `.yaml`, `.yml`; `ERR_USAGE`
 * for any other.
 */
export function readConfig<T = unknown>(path: PathLike, options: ReadValueOptions<T> = {}): Promise<T> {
  return audited('readConfig', path, options, async () =>
    readValue(knownFormat(textOfPath('path', path)), path, options),
  )
}

async function readValue<T>(format: Format, file: PathLike, options: ReadValueOptions<T>): Promise<T> {
  checkKeys('options', options, READ_VALUE_OPTIONS)
  const { schema, default: standard, ...rest } = options
  const path = localPath('path', file)
  let text: string
  try {
    text = await readFileRetry(path, { ...rest, encoding: 'utf8', audit: UNRECORDED })
  } catch (error) {
    if (standard !== undefined && isSluiceError(error, 'ERR_NO_SUCH_FILE')) return standard
    throw error
  }
  const value = await parseText(format, text, path)
  if (format === 'yaml' && value === null && standard !== undefined) return standard
  if (schema !== undefined) await checkSchema(value, schema, path)
  return value as T
}
