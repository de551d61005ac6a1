import { localPath } from '../../files/disk/names.js'
import { commandFileSystem } from '../../files/disk/node-fs.js'
import type { Accept } from '../../receive.js'
import { FreeSpace } from '../../stores/disk/free-space.js'
import type { Transfer } from '../../transfer/transfer.js'
import type { Offer } from '../../wire/entry.js'
import type { Context } from '../ui/context.js'
import { confirmOffer } from '../ui/input/ask.js'
import { wasChosen } from '../ui/input/choices.js'
import { describeOffer, describeRisks } from '../ui/words/describe.js'
import type { Companions } from './companions.js'

/** What decides about the answer. */
interface AnswerFlags {
  dir: string
  yes?: boolean
  delete?: boolean
  stdout?: boolean
}

/** Whose offer it is. */
interface Offered {
  peer: string | undefined
  transfer: Transfer
  companions: Companions
  /** What it goes on with that was accepted before: see `AllSeries`. */
  goesOn: 'next' | 'back' | undefined
  /** How much of its quota the peer has used, if it has one. */
  quota: () => Promise<string | undefined>
}

/** The answer to an offer. `over` aborts when nobody waits for it any more. */
export async function answer(
  offer: Offer,
  over: AbortSignal,
  flags: AnswerFlags,
  context: Context,
  { peer, transfer, companions, goesOn, quota }: Offered,
): Promise<Accept> {
  const { reporter } = context
  const { dir, yes } = flags
  reporter.offered(offer, peer, transfer.hasNext || undefined)
  const reason = companions.offered(offer, transfer)
  if (reason !== undefined) return { accept: false, reason }
  if (goesOn === 'next') {
    for (const line of await describeRisks(offer)) reporter.note(line)
    return true
  }
  const free = await new FreeSpace(commandFileSystem, localPath('--dir', dir)).free()
  const from = peer === undefined ? [] : [`from ${peer}`]
  const used = await quota()
  const lines = [...from, ...(await describeOffer(offer, free)), ...(used === undefined ? [] : [used])]
  if (goesOn === 'back') {
    lines.push('accepted before, and its connection was lost: it goes on')
    // what it does not name may have arrived before
    if (flags.delete) lines.push('--delete removes nothing now: this may be no more than what has changed')
    for (const line of lines) reporter.note(line)
    return true
  }
  lines.push(...(await companions.notes(offer, transfer)))
  if (transfer.hasNext) lines.push('then what changes in it, until one of the sides stops')
  if (!yes && canAsk(context)) {
    const asked = { signal: over, onlyWhole: onlyWhole(flags, transfer) }
    const said = await reporter.ask(lines, () => confirmOffer(context, offer, asked), over)
    if (Array.isArray(said)) return { accept: true, select: wasChosen(said) }
    if (!said && !over.aborted) reporter.refused(offer)
    return { accept: said, reason: 'the receiver said no' }
  }
  for (const line of lines) reporter.note(line)
  if (yes) return true
  return { accept: false, reason: 'nobody is there to be asked; the receiver has to be started with --yes' }
}

/** The option by which an offer is taken as a whole, or not at all. */
function onlyWhole(flags: AnswerFlags, { hasNext }: Transfer): string | undefined {
  // what follows is of all that was offered
  if (hasNext) return '--watch'
  if (flags.delete) return '--delete'
  return flags.stdout ? '--stdout' : undefined
}

/** Whether somebody is there to be asked. */
export function canAsk({ io }: Context): boolean {
  return io.stdin.isTTY && io.stderr.isTTY
}
