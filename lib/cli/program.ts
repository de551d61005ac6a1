import { createRequire } from 'node:module'
import { Command, CommanderError, Option } from 'commander'
import { isSluiceError, SluiceError } from '../errors.js'
import { diskError, errorCode } from '../files/disk/disk-error.js'
import { CONFLICTS, DURABILITIES } from '../files/publish/policies.js'
import { addHelp, allCommands } from './help.js'
import { addHelpCommands } from './help-commands.js'
import { mistakeIn } from './mistakes.js'
import { contentOptions, receivedOptions, wireOptions } from './option-groups.js'
import { addPeerCommands } from './peer-commands.js'
import { keepYoungGeneration } from './tune-engine.js'
import type { Context } from './ui/context.js'
import { commandError, stoppedByUser } from './ui/exit.js'
import type { Io } from './ui/io.js'
import { shownOn } from './ui/live/screen.js'
import type { Log } from './ui/log.js'
import { GLOBAL_OPTIONS, type GlobalFlags, globalFlags, type Manner } from './ui/manner.js'
import type { Reporter } from './ui/reporter.js'
import { checkOutput, written } from './ui/streams.js'

const require = createRequire(import.meta.url)

// what a command needs is loaded when it runs: the help, and a mistake in the arguments, need none of it
const transfers = () => import('./commands/transfers.js').finally(keepYoungGeneration)
const leftovers = () => import('./commands/leftovers.js')

const repeated = (value: string, before: string[] = []) => [...before, value]

const UNLESS = ['identical', 'unchanged', 'newer', 'nothing']

/** An option that takes one of a few words. */
const choice = (flags: string, about: string, words: readonly string[], usual = words[0]) =>
  new Option(flags, about).choices(words).default(usual)

function sourceOptions(command: Command): Command {
  return command
    .option(
      '--hash <algorithm>',
      'digest of the files: blocks (BLAKE3, by which parts of a file come again), sha256, blake3, or another of crypto.getHashes()',
      'blocks',
    )
    .option('--name <name>', 'name of standard input, or of the offer')
    .option('--include <pattern>', 'only what matches, as in .gitignore; may be repeated', repeated)
    .option('--exclude <pattern>', 'all but what matches, as in .gitignore; may be repeated', repeated)
    .option('--gitignore', 'honour the .gitignore files in the tree')
    .option('--relative', 'paths keep the folders in them: a/b arrives as a/b, and not as b')
    .option('--links', 'send symbolic links as links, instead of leaving them out')
}

function targetOptions(command: Command): Command {
  return command
    .option('--dir <dir>', 'folder to put files into; made if it is not there', '.')
    .addOption(choice('--conflict <policy>', 'when a name is taken by other content', CONFLICTS))
    .addOption(choice('--unless <what>', 'what counts as already there', UNLESS))
    .addOption(choice('--durability <what>', 'what a published file survives', DURABILITIES))
    .option(
      '--together',
      'nothing is seen before all of it is verified; then all of it, or nothing if a file fails',
    )
    .addOption(choice('--names <which>', 'which names are taken', ['native', 'portable']))
    .option('--links', 'make symbolic links, instead of leaving them out; one that leads out fails')
}

function listenOptions(command: Command): Command {
  return command
    .option('--listen <host:port>', 'listen here (default: any free port, at all addresses of this machine)')
    .option(
      '--address <host:port>',
      'another address that leads here, as that of a router: it is told first, in the ticket; may be repeated',
      repeated,
    )
    .option('--allow <peer>', 'let in this known peer, without a ticket; may be repeated', repeated)
    .option('--many <n>', 'how many others the ticket is good for (default: one)')
    .option('--expires <time>', 'how long the ticket lets in somebody new, as 90s, 30m or 12h (default: 1h)')
    .option('--qr', 'show the ticket as a QR code, too')
    .option('--find', 'the sides find each other in the same network, by their keys; on both sides')
    .option('--remember <name>', 'after a transfer, know the other side by this name')
    .option('--plain', 'neither ticket nor encryption, on this machine only')
}

/**
 * The commands.
 * @param act runs a command; `streams`: its standard output is bytes, not results
 */
function program(
  act: (flags: GlobalFlags, streams: boolean, run: (context: Context) => Promise<void>) => Promise<void>,
): Command {
  // by the name of the package, since the bundle of the command lies elsewhere than this file
  const { version } = require('sluice/package.json') as { version: string }
  const sluice = new Command('sluice')
    .description('Moves files and folders over any stream; what has a name is whole and verified.')
    .version(version)
    .showSuggestionAfterError()
  for (const [flags, about] of GLOBAL_OPTIONS) sluice.option(flags, about)
  const run = (command: Command, action: (context: Context) => Promise<void>, streams = false) =>
    act(globalFlags(command), streams, action)

  wireOptions(listenOptions(contentOptions(sourceOptions(sluice.command('send')))))
    .description(
      'send files and folders to a receiver; without --to waits for one, and prints a ticket for it',
    )
    .argument('[path...]', 'files and folders; - is standard input; without any, a terminal asks')
    .option(
      '--to <whom>',
      'the receiver: its ticket, the name of a known peer, or host:port of this machine; - asks for it (default: SLUICE_TICKET)',
    )
    .option('--via <command>', "through a program, as 'ssh host sluice receive --stdio --yes --dir inbox'")
    .option('--limit <rate>', 'at most so many bytes per second, as 500k or 10M; the keys - and + change it')
    .option(
      '--retry <n>',
      'how often a lost connection is tried again, in pauses that grow to 30 s; counted anew after one that held so long (default: not at all)',
    )
    .option(
      '--connections <n>',
      'carry the transfer over so many connections at once, 1 to 16, where one does not fill the way; for --to (default: 1)',
    )
    .option('--dry-run', 'show what would be sent')
    .option('--watch', 'go on, and send what changes, until stopped; what is removed here stays there')
    .action((paths, flags, command) =>
      run(command, async (context) => {
        const { applyDefaults, sendCommand } = await transfers()
        await applyDefaults(command)
        await sendCommand(paths, flags, context)
      }),
    )

  wireOptions(receivedOptions(listenOptions(targetOptions(sluice.command('receive')))))
    .description('receive into a folder; waits for senders, and prints a ticket for them as its first line')
    .argument(
      '[whom]',
      'the sender: its ticket, the name of a known peer, or host:port of this machine; - asks for it (default: SLUICE_TICKET)',
    )
    .option('--stdio', 'receive over standard input and output, for --via of the sender')
    .option('--once', 'end after one transfer, with its exit status')
    .option('--yes', 'accept without asking')
    .action((whom, flags, command) =>
      run(
        command,
        async (context) => {
          const { applyDefaults, receiveCommand } = await transfers()
          await applyDefaults(command)
          await receiveCommand(whom, flags, context)
        },
        flags.stdio === true || flags.stdout === true,
      ),
    )

  sourceOptions(sluice.command('pack'))
    .description('write files and folders as one stream to standard output')
    .argument('<path...>', 'files and folders; - is standard input')
    .option('--json', 'events on standard error, one a line, instead of text')
    .action((paths, _flags, command) => {
      return run(
        command,
        async (context) => (await transfers()).packCommand(paths, command.optsWithGlobals(), context),
        true,
      )
    })

  targetOptions(sluice.command('unpack'))
    .description('put what `sluice pack` wrote, from standard input, into a folder')
    .action((flags, command) =>
      run(command, async (context) => (await transfers()).unpackCommand(flags, context)),
    )

  sluice
    .command('write')
    .description('put standard input into a file once all of it has come; until then the file is what it was')
    .argument('<file>', 'the file; it keeps its mode and owner, a link is followed')
    .option('--backup [n]', 'keep the last n contents that were replaced beside it; 1 if no number is given')
    .option('--mode <octal>', 'permission bits, as 644')
    .addOption(choice('--durability <what>', 'what the written file survives', DURABILITIES, 'power'))
    .option('--verify', 'read it back and compare, before it takes its name')
    .option('--no-clobber', 'fail if there is such a file already')
    .action((file, flags, command) =>
      run(command, async (context) =>
        (await import('./commands/write.js')).writeCommand(file, flags, context),
      ),
    )

  sluice
    .command('status')
    .description('show how far transfers into a folder have come, those that run and those that broke')
    .argument('[dir]', 'the folder that was received into', '.')
    .action((dir, _flags, command) =>
      run(command, async (context) => (await leftovers()).statusCommand(dir, context)),
    )

  sluice
    .command('clean')
    .description(
      'remove what interrupted transfers have left in a folder, and would go on with; shows it only, without --yes',
    )
    .argument('[dir]', 'the folder that was received into', '.')
    .option('--yes', 'do it')
    .option('--force', 'do not watch whether processes on another machine or in another container are alive')
    .action((dir, flags, command) =>
      run(command, async (context) => (await leftovers()).cleanCommand(dir, flags, context)),
    )

  sluice
    .command('recover')
    .description('end what dead processes have left in a folder: transactions, parts, temporary files')
    .argument('<dir>', 'the folder; temporary files are looked for in all folders below it, too')
    .option('--yes', 'do it; without, it is only shown')
    .option('--force', 'do not watch whether processes on another machine or in another container are alive')
    .action((dir, flags, command) =>
      run(command, async (context) =>
        (await import('./commands/recover.js')).recoverCommand(dir, flags, context),
      ),
    )

  addPeerCommands(sluice, run)
  addHelpCommands(sluice, run)
  // pack writes its stream to standard output, and has an option of its own
  for (const command of allCommands(sluice))
    for (const [flags, about] of GLOBAL_OPTIONS)
      if (!command.options.some((option) => option.flags === flags)) command.option(flags, about)
  return sluice
}

/**
 * Runs the command line.
 * @param args without the names of Node and the program
 * @param stop aborted with {@link stoppedByUser} when the user stops the program
 * @returns the exit status (README.md, "The command line")
 */
export async function main(args: readonly string[], io: Io, stop: AbortController): Promise<number> {
  const { signal } = stop
  let exit = 0
  let lost: SluiceError | undefined
  // The reader may close the pipe when it has read enough, or the terminal; but lost results, as on a full disk, are an
  // error.
  io.stdout.on('error', (error) => {
    if (errorCode(error) === 'EPIPE' || io.stdout.isTTY) return
    lost ??= diskError(error, 'write', 'standard output')
    stop.abort(lost)
  })
  const isStopped = () => signal.aborted
  const makeReporter = async (options: Manner) => {
    const { Reporter } = await import('./ui/reporter.js')
    return new Reporter(io, options, isStopped)
  }
  /** Runs what gives results, all of which have to be written. */
  const give = async (reporter: () => Promise<Reporter>, run: () => Promise<void>) => {
    try {
      await run()
      await written(io.stdout, signal)
      if (lost) throw lost
    } catch (error) {
      // after a stop its reason is told, not an error that followed from it; but files may have failed all the same
      const reason: SluiceError | undefined = signal.reason
      const isOwn = isSluiceError(error, reason?.code) && error.found !== 'here'
      const isResult = isSluiceError(error, 'ERR_FILES_FAILED')
      const known = reason && !isOwn && !isResult ? reason : commandError(error)
      exit = (await reporter()).error(known, !signal.aborted)
    }
  }
  const sluice = program(async ({ log: path, ...flags }, streams, run) => {
    const log = path === undefined ? undefined : await makeLog(path)
    const reporter = await makeReporter({ ...flags, log, streams })
    await give(
      async () => reporter,
      async () => {
        if (flags.quiet && flags.verbose)
          throw new SluiceError('ERR_USAGE', 'either --quiet or --verbose, not both')
        log?.open((error) => reporter.warn(error))
        if (flags.json || streams) checkOutput(io)
        await run({ io, reporter, signal, stop: () => stop.abort(stoppedByUser()) })
      },
    )
    log?.close()
  })
  addHelp(sluice, io.stdout.columns || 80)
  for (const command of allCommands(sluice)) {
    command.exitOverride().configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(`${shownOn(io.stderr, mistakeIn(text, command, sluice))}\n`),
    })
  }
  try {
    await sluice.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode !== 0) return 2
    // the help, or the version, was asked for, and is written
    await give(
      () => makeReporter({}),
      async () => checkOutput(io),
    )
  }
  return exit
}

async function makeLog(path: string): Promise<Log> {
  const { Log } = await import('./ui/log.js')
  const { commandFileSystem } = await import('../files/disk/node-fs.js')
  return new Log(path, { fs: commandFileSystem })
}
