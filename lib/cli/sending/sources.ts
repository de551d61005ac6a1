import { deferred } from '../../async.js'
import { SluiceError } from '../../errors.js'
import type { FileStats } from '../../files/disk/fs.js'
import { commandFileSystem } from '../../files/disk/node-fs.js'
import { checkOption } from '../../options.js'
import type { Grown, Manifest } from '../../stages/manifest/builder.js'
import { manifestFrom, manifestOfEntries } from '../../stages/manifest/manifest-from.js'
import { listingOf, type ManifestOptions } from '../../stages/manifest/manifest-of.js'
import { memorySources } from '../../stores/memory-sources.js'
import type { Context } from '../ui/context.js'
import { canChoose } from '../ui/input/choose.js'
import { standardInput } from '../ui/streams.js'
import { chooseFiles } from './choose-files.js'
import { type ListFlags, pathsFrom } from './files-from.js'
import { timeInName } from './time-in-name.js'

/** The options that `send` and `pack` share: what is sent, and under which name. */
export interface SourceFlags extends ListFlags {
  hash?: string
  name?: string
  include?: string[]
  exclude?: string[]
  gitignore?: boolean
  links?: boolean
  /** The paths keep the folders in them; those of a list do, whatever is said. */
  relative?: boolean
  /** Sent as a small file. */
  text?: string
}

/** What goes on making a manifest when it is to be offered, and tells of it as it grows. */
export type GrowingManifest = (signal: AbortSignal, grown: Grown) => Promise<Manifest>

/** {@link manifestOfArguments}; of many files as soon as the first ones are found: the others are listed meanwhile. */
export async function growingManifest(
  given: readonly string[],
  flags: SourceFlags,
  context: Context,
): Promise<Manifest | GrowingManifest> {
  const begun = deferred<undefined>()
  const taken = deferred<Grown>()
  const whole = manifestOfArguments(given, flags, context, async (offer) => {
    begun.resolve(undefined)
    const grown = await taken.promise
    await grown(offer)
  })
  whole.catch(() => {}) // where nobody can be reached, nobody takes it
  const growing: GrowingManifest = (_signal, grown) => {
    taken.resolve(grown)
    return whole
  }
  return (await Promise.race([whole, begun.promise])) ?? growing
}

/**
 * The manifest of the paths and those of `--files-from`, of standard input for `-`, or of `--text`. If nothing is named
 * people are asked at the terminal; where that cannot be, it throws `ERR_USAGE`.
 */
export async function manifestOfArguments(
  given: readonly string[],
  flags: SourceFlags,
  context: Context,
  grown?: Grown,
): Promise<Manifest> {
  const { io, reporter, signal } = context
  const { hash: algorithm, name } = flags
  if (given.includes('-') && flags.filesFrom === '-')
    throw new SluiceError(
      'ERR_USAGE',
      'standard input cannot be both what is sent and the list of --files-from',
    )
  const named = [...given, ...(await pathsFrom(flags, context))]
  if (flags.text !== undefined) {
    if (named.length > 0)
      throw new SluiceError('ERR_USAGE', 'either --text or paths, not both: send them one after the other')
    checkNoTree(flags, '--text')
    return manifestOfText(flags.text, flags)
  }
  const paths = await orChosen(named, context)
  if (!paths.includes('-')) {
    const options = await listingOptions(flags, context)
    const manifest = await listingOf(paths, options)({ ...options, signal }, grown)
    if (manifest.offer.entries.some(({ type }) => type !== 'unreadable')) return manifest
    const why = manifest.skipped[0]?.message ?? 'nothing is left of it by --include and --exclude'
    throw new SluiceError('ERR_USAGE', `there is nothing to send: ${why}`)
  }
  if (paths.length > 1)
    throw new SluiceError('ERR_USAGE', 'standard input (-) cannot be sent together with files')
  if (name === undefined) throw new SluiceError('ERR_USAGE', 'standard input needs a name: add --name NAME')
  checkNoTree(flags, 'standard input (-)')
  reporter.inputIsSent()
  return manifestFrom(await standardInput(io), { name, algorithm })
}

/** The paths that are named, or those that people choose where none is. Throws `ERR_USAGE` if nobody can be asked. */
export async function orChosen(named: readonly string[], context: Context): Promise<readonly string[]> {
  if (named.length > 0) return named
  if (canChoose(context)) return chooseFiles('.', context)
  throw new SluiceError('ERR_USAGE', "missing required argument 'path'; sluice send --help says more")
}

/** How paths are listed. */
export async function listingOptions(
  { hash: algorithm, name, include, exclude, gitignore, links, relative, filesFrom }: SourceFlags,
  { reporter }: Context,
): Promise<ManifestOptions> {
  return {
    algorithm,
    name,
    ...{ include, exclude, gitignore },
    relative: relative || filesFrom !== undefined,
    symlinks: links ? 'keep' : 'skip',
    omit: await filesOf(reporter.written),
    fs: commandFileSystem,
  }
}

/** @throws SluiceError `ERR_USAGE` for what chooses among the files of a folder */
function checkNoTree(flags: SourceFlags, source: string): void {
  for (const flag of ['include', 'exclude', 'gitignore', 'links', 'relative'] as const) {
    if (flags[flag] === undefined) continue
    throw new SluiceError('ERR_USAGE', `--${flag} is for folders: leave it out with ${source}`)
  }
}

/** A text as a file, named after the time unless it has a name. Nobody sees it in the list of processes for long. */
function manifestOfText(text: string, { name = `text-${timeInName()}.txt`, hash }: SourceFlags): Manifest {
  process.title = 'sluice'
  if (text === '') throw new SluiceError('ERR_USAGE', '--text is empty; give what is to be sent')
  const isName = !/[/\0]/.test(name) && !/^\.{0,2}$/.test(name)
  checkOption('--name', name, isName, 'the name of a file, without folders')
  const sources = memorySources(new Map([[name, text]]))
  return manifestOfEntries(sources.entries, sources, { name, ...(hash !== undefined && { algorithm: hash }) })
}

/** The files that are written to: listed and sent, they would change all the while. */
async function filesOf(streams: Context['reporter']['written']): Promise<FileStats[]> {
  const handles = streams.flatMap(({ fd }) => fd ?? [])
  const all = await Promise.all(handles.map((fd) => commandFileSystem.fstat(fd).catch(() => undefined)))
  return all.filter((stats) => stats !== undefined).filter((stats) => stats.isFile())
}

/** How many things were left out on purpose. */
export function leftOut({ skipped }: Manifest): number {
  return skipped.filter(({ code }) => code === 'ERR_SKIPPED').length
}
