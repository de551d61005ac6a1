import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import test, { type ExecutionContext } from 'ava'
import { Command, type Ended } from '../helpers/command.js'
import { plant, temporary } from '../helpers/folders.js'

const file = async (t: ExecutionContext<unknown>) =>
  join(await plant(await temporary(t), { file: Buffer.alloc(300_000, 'x') }), 'file')

/** That these are the events of one transfer, which ended with an error. */
function failed(t: ExecutionContext<unknown>, text: string, code: string): void {
  const events: { event: string; id?: string; code?: string }[] = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
  const ids = new Set(events.map(({ id }) => id).filter((id) => id !== undefined))
  t.is(ids.size, 1, text)
  const [id] = ids
  t.like(events.at(-1), { event: 'error', id, code })
  t.is(events.filter(({ event }) => event === 'error' || event === 'completed').length, 1)
}

/** Both sides of a transfer of which `stopped` is told to stop in the middle. */
async function broken(
  t: ExecutionContext<unknown>,
  stopped: 'sender' | 'receiver',
  listens: 'sender' | 'receiver',
): Promise<Ended[]> {
  const send = ['send', await file(t), '--limit', '30k', '--json']
  const receive = ['receive', '--dir', await temporary(t), '--yes', '--json']
  const listening =
    listens === 'sender'
      ? new Command(t, [...send, '--plain', '--listen', '127.0.0.1:0'])
      : new Command(t, [...receive, '--plain', '--once'])
  const { address } = JSON.parse(await listening.line())
  const connecting = new Command(t, listens === 'sender' ? [...receive, address] : [...send, '--to', address])
  while (!/^(sending|receiving)$/.test(JSON.parse(await listening.line()).state));
  const both = [listening, connecting]
  both[stopped === listens ? 0 : 1]!.child.kill('SIGINT')
  return Promise.all(both.map(({ ended }) => ended))
}

for (const stopped of ['sender', 'receiver'] as const) {
  for (const listens of ['sender', 'receiver'] as const) {
    test(`the error that ends a transfer has its id on both sides: ${stopped} stopped, ${listens} listens`, async (t) => {
      for (const { out } of await broken(t, stopped, listens)) failed(t, out, 'ERR_CANCELLED')
    })
  }
}

test('the error of unpack has the id of the offer', async (t) => {
  const pack = new Command(t, ['pack', await file(t)])
  // the lines of text are read as well, and lose nothing of it
  const packed = await buffer(pack.child.stdout!)
  const unpack = new Command(t, ['unpack', '--dir', await temporary(t), '--json'], { input: 'pipe' })
  unpack.child.stdin!.end(packed.subarray(0, 200_000))
  failed(t, (await unpack.ended).out, 'ERR_TRUNCATED')
})
