import type { Command } from 'commander'
import type { Context } from './ui/context.js'

// Loaded only when used: what they stand on takes longer to load than most commands take to run.
const identities = () => import('./commands/identity.js')
const peers = () => import('./commands/peers.js')
const receipts = () => import('./commands/verify.js')

/** What a peer may bring. */
function allowedOptions(command: Command): Command {
  return command
    .option(
      '--dir <dir>',
      'the folder of its own where its files go: in that of receive, or an absolute path',
    )
    .option('--max-bytes <size>', 'bytes that it may bring in all, as 10G; none is no limit')
    .option('--max-files <number>', 'files, folders and links that it may bring in all; none is no limit')
}

/**
 * Adds the commands that are about who is who: identity, peers, verify.
 * @param run runs a command with what it needs
 */
export function addPeerCommands(
  sluice: Command,
  run: (command: Command, action: (context: Context) => Promise<void>) => Promise<void>,
): void {
  sluice
    .command('identity')
    .description('print your public key, by which others know you; it is made at first use')
    .action((_flags, command) =>
      run(command, async (context) => (await identities()).identityCommand(context)),
    )

  const known = sluice.command('peers').description('the peers that you know by name')
  allowedOptions(known.command('add'))
    .description('make a peer known, or give it other addresses')
    .argument('<name>', 'what you call it')
    .argument('<key>', 'what sluice identity prints there')
    .argument('[address...]', 'where it listens, as host:port')
    .action((name, key, addresses, flags, command) =>
      run(command, async (context) => (await peers()).addPeerCommand(name, key, addresses, flags, context)),
    )
  allowedOptions(known.command('set'))
    .description('change what a peer may bring, and where that goes')
    .argument('<peer>', 'what you call it')
    .option('--reset', 'count anew: what has come until now counts no more')
    .action((name, flags, command) =>
      run(command, async (context) => (await peers()).setPeerCommand(name, flags, context)),
    )
  known
    .command('list')
    .description('show name, fingerprint and last addresses of each, and what it has brought of what it may')
    .action((_flags, command) => run(command, async (context) => (await peers()).listPeersCommand(context)))
  known
    .command('remove')
    .description('forget a peer')
    .argument('<peer>', 'what you call it')
    .action((name, _flags, command) =>
      run(command, async (context) => (await peers()).removePeerCommand(name, context)),
    )

  sluice
    .command('verify')
    .description('check who has signed a receipt, and whether the files are as they were received')
    .argument('<receipt>', 'the file that receive has written')
    .argument('[dir]', 'the folder that was received into', '.')
    .option('--by <peer>', 'a known peer, or a key: nobody else may have signed it')
    .action((receipt, dir, flags, command) =>
      run(command, async (context) => (await receipts()).verifyCommand(receipt, dir, flags, context)),
    )
}
