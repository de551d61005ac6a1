import { localPath } from '../../files/disk/names.js'
import { commandFileSystem } from '../../files/disk/node-fs.js'
import type { Accept } from '../../receive.js'
import { FreeSpace } from '../../stores/disk/free-space.js'
import type { Transfer } from '../../transfer/transfer.js'
import type { Offer } from '../../wire/entry.js'
import type { Context } from '../ui/context.js'
import { confirmOffer } from '../ui/input/ask.js'
import { describeOffer } from '../ui/words/describe.js'
import type { Companions } from './companions.js'

/** Whose offer it is. */
interface Offered {
  peer: string | undefined
  transfer: Transfer
  companions: Companions
}

/** The answer to an offer. `over` aborts when nobody waits for it any more. */
export async function answer(
  offer: Offer,
  over: AbortSignal,
  { dir, yes }: { dir: string; yes?: boolean },
  context: Context,
  { peer, transfer, companions }: Offered,
): Promise<Accept> {
  const { reporter } = context
  reporter.offered(offer, peer)
  const reason = companions.offered(offer, transfer)
  if (reason !== undefined) return { accept: false, reason }
  const free = await new FreeSpace(commandFileSystem, localPath('--dir', dir)).free()
  const from = peer === undefined ? [] : [`from ${peer}`]
  const lines = [...from, ...(await describeOffer(offer, free)), ...(await companions.notes(offer, transfer))]
  if (!yes && canAsk(context)) {
    const accept = await reporter.ask(lines, () => confirmOffer(context, offer, over), over)
    if (!accept && !over.aborted) reporter.refused(offer)
    return { accept, reason: 'the receiver said no' }
  }
  for (const line of lines) reporter.note(line)
  if (yes) return true
  return { accept: false, reason: 'nobody is there to be asked; the receiver has to be started with --yes' }
}

/** Whether somebody is there to be asked. */
export function canAsk({ io }: Context): boolean {
  return io.stdin.isTTY && io.stderr.isTTY
}
