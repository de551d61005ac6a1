import { type Command, Option } from 'commander'

/** What both sides of a transfer have to agree on. */
export function wireOptions(command: Command): Command {
  return command.option(
    '--compress [level]',
    'compress on the way: auto (default), a level from 0 (fast) to 11 (small), or off; the other side needs --compress, too, at any level',
  )
}

/** What is sent besides, or instead of, the paths that are given. */
export function contentOptions(command: Command): Command {
  return command
    .option(
      '--text <text>',
      'send this text, as a small file; receive --stdout shows it there (others on this machine may see it for a moment)',
    )
    .option(
      '--files-from <file>',
      'send the paths in this file, too, one a line, as with --relative; - is standard input',
    )
    .option('--null', 'paths in that file end with a byte of zero, as find -print0 writes them')
}

/** What becomes of what was received, besides the files. */
export function receivedOptions(command: Command): Command {
  const others = 'dir stdio conflict unless durability together names links delete backupDir'.split(' ')
  return command
    .option(
      '--receipt <file>',
      'write what was received, signed by you, into a new file, for sluice verify; by ticket or peer, for one transfer',
    )
    .option('--history', 'record the transfer when it is over; sluice status shows the last ones of a folder')
    .addOption(
      new Option(
        '--stdout',
        'one file to standard output once it is verified, and the ticket to standard error; implies --once',
      ).conflicts(others),
    )
    .option(
      '--delete',
      'when all has come, remove from each folder that was sent what the sender did not send, after it was shown; needs --conflict overwrite or replace',
    )
    .option('--backup-dir <dir>', 'do not remove it, but move it into this folder in --dir')
}
