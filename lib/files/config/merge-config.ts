import { printable, SluiceError } from '../../errors.js'
import { checkChoice, checkFlag, checkKeys, checkOption, type Keys } from '../../options.js'
import type { Written } from '../atomic/atomic-file.js'
import { WRITE_VALUE_OPTIONS, type WriteValueOptions, writeJson, writeYaml } from '../atomic/write-file.js'
import { audited, UNRECORDED } from '../audit/recorder.js'
import { decodeText } from '../content/encodings.js'
import { type Format, knownFormat, parseToCopy } from '../content/formats.js'
import { readWholeFile } from '../content/read-file.js'
import { errorCode, readError } from '../disk/disk-error.js'
import type { FileSystem } from '../disk/fs.js'
import { localPath, localTarget, type PathLike } from '../disk/names.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import { type Config, isConfig, type MergeRules, mergeValues } from './merge.js'

/** One input: its path, or the path with options. */
export type ConfigInput =
  | PathLike
  | {
      path: PathLike
      /** A missing file counts as an empty map. Default: the option `optional`. */
      optional?: boolean
      /** Default: by the ending of the name. */
      format?: Format
    }

/** Options of {@link mergeConfig}; the others are those of `writeConfig`. */
export interface MergeConfigOptions extends WriteValueOptions, MergeRules {
  /** Missing inputs count as empty maps. Default false: they are an error. */
  optional?: boolean
  /** Format of the output. Default: by the ending of its name. */
  format?: Format
}

const MERGE_OPTIONS: Keys<MergeConfigOptions> = {
  ...WRITE_VALUE_OPTIONS,
  strategy: true,
  arrays: true,
  optional: true,
  format: true,
}

/** What {@link mergeConfig} did. */
export interface Merged extends Written {
  value: Config
  /** Inputs that do not exist. */
  missing: string[]
  /** Where keys were dropped that are never merged: the path of the input, `#`, and a JSON pointer. */
  dropped: string[]
}

const FORMATS = ['json', 'yaml']

/**
 * Merges files of settings, JSON and YAML in any mixture, into one. If two inputs have the same key, the last one
 * wins. An empty YAML file is an empty map; `<<` merges only below `%YAML 1.1`, and is else refused, since it would be
 * written as an ordinary key, which merges nothing. The keys `__proto__`, `constructor` and `prototype` are dropped;
 * `dropped` says where they were. The output may be one of the inputs; comments are lost.
 *
 * Everything is read, merged and, with `schema`, checked before anything is written; then the output is replaced as
 * `writeConfig` does. Fails with `ERR_USAGE`, `ERR_PARSE` (also if an input is not a map, or holds a number that would
 * be written as another one), `ERR_SCHEMA`, `ERR_LIMIT` (too deep), `ERR_NO_SUCH_FILE` (an input is missing),
 * `ERR_SOURCE_READ` (it cannot be read), `ERR_SOURCE_CHANGED` (it was written to each time that it was read) and as
 * `writeConfig` does.
 */
export function mergeConfig(
  inputs: readonly ConfigInput[],
  output: PathLike,
  options: MergeConfigOptions = {},
): Promise<Merged> {
  return audited('mergeConfig', output, options, async () =>
    merge(inputs, localTarget('output', output), options),
  )
}

async function merge(
  inputs: readonly ConfigInput[],
  output: string,
  options: MergeConfigOptions,
): Promise<Merged> {
  checkKeys('options', options, MERGE_OPTIONS)
  const { fs = nodeFileSystem, strategy, arrays, optional = false, format, ...rest } = options
  checkChoice('strategy', strategy, ['deep', 'shallow'])
  checkChoice('arrays', arrays, ['replace', 'concat', 'union'])
  checkFlag('optional', optional)
  checkChoice('format', format, FORMATS)
  const write = (format ?? knownFormat(output, 'output')) === 'json' ? writeJson : writeYaml
  checkOption('inputs', inputs, Array.isArray(inputs) && inputs.length > 0, 'a list of one path or more')
  const sources = inputs.map((input) => source(input, optional))
  const missing: string[] = []
  const dropped: string[] = []
  const maps: Config[] = []
  for (const { path, format: of, optional: may } of sources) {
    const text = await readText(fs, path, may)
    if (text === undefined) missing.push(path)
    // each input is cleaned alone, to know in which one a key was dropped
    else maps.push(mergeValues([await parseMap(of, text, path)], {}, (at) => dropped.push(`${path}#${at}`)))
  }
  const value = mergeValues(maps, { strategy, arrays })
  return { ...(await write(output, value, { ...rest, fs, audit: UNRECORDED })), value, missing, dropped }
}

function source(input: ConfigInput, optional: boolean): { path: string; format: Format; optional: boolean } {
  const isMap = typeof input === 'object' && input !== null && 'path' in input
  const given: Exclude<ConfigInput, PathLike> = isMap ? input : { path: input as PathLike }
  checkKeys('input', given, { path: true, optional: true, format: true })
  const path = localPath('input', given.path)
  checkChoice('format', given.format, FORMATS)
  checkFlag('optional', given.optional)
  const format = given.format ?? knownFormat(path, 'input')
  return { path, format, optional: given.optional ?? optional }
}

async function parseMap(format: Format, text: string, path: string): Promise<Config> {
  const value = await parseToCopy(format, text, path)
  // the value of an empty YAML file
  if (format === 'yaml' && value === null) return {}
  if (isConfig(value)) return value
  throw new SluiceError('ERR_PARSE', `${printable(path)} holds no map, and only maps can be merged`, { path })
}

/** The text of a file; undefined if an optional one is missing. */
async function readText(fs: FileSystem, path: string, optional: boolean): Promise<string | undefined> {
  try {
    // settings may be a link; the file that it leads to must be regular
    return decodeText(await readWholeFile(fs, await fs.realpath(path), path), 'utf8', path)
  } catch (error) {
    if (optional && errorCode(error) === 'ENOENT') return undefined
    throw readError(error, path)
  }
}
