import { join } from 'node:path'
import test from 'ava'
import { connectionsOf, shareOf } from '../../lib/cli/sending/connections.js'
import { Rate } from '../../lib/index.js'
import { randomContent } from '../../lib/testing/index.js'
import { Command } from '../helpers/command.js'
import { listing, plant, temporary } from '../helpers/folders.js'

const FILES = {
  'photos/large': randomContent(12 * 1024 * 1024),
  'photos/small': 'small',
  'photos/empty': '',
  'photos/a/b': randomContent(300_000, 2),
}

for (const once of [true, false])
  test(`a transfer goes over several connections by ticket, to a receiver ${once ? 'of one' : 'of all'}`, async (t) => {
    const from = join(await plant(join(await temporary(t), 'from'), FILES), 'photos')
    const dir = join(await temporary(t), 'in')
    const env = async () => ({ SLUICE_HOME: await temporary(t) })
    const args = ['receive', '--listen', '127.0.0.1:0', '--dir', dir, '--yes', ...(once ? ['--once'] : [])]
    const receiver = new Command(t, args, { env: await env() })
    const ticket = await receiver.line()
    const sending = ['send', from, '--to', ticket, '--connections', '3', '--json']
    const sender = new Command(t, sending, { env: await env() })
    const { code, err, out } = await sender.ended
    t.is(code, 0, err)
    t.notRegex(out, /"warning"/)
    if (once) t.is((await receiver.ended).code, 0)
    else receiver.child.kill('SIGTERM')
    t.deepEqual(await listing(join(dir, 'photos')), await listing(from))
  })

test('--connections is refused where there can be only one, and for what is no number of them', (t) => {
  t.is(connectionsOf({}), 1)
  t.is(connectionsOf({ connections: '16', to: 'x' }), 16)
  t.is(connectionsOf({ connections: '1', via: 'ssh' }), 1)
  for (const connections of ['0', '17', '-1', 'x', '2.5', ''])
    t.throws(() => connectionsOf({ connections, to: 'x' }), { code: 'ERR_USAGE', message: /1 to 16/ })
  t.throws(() => connectionsOf({ connections: '2' }), { code: 'ERR_USAGE', message: /is for --to/ })
  t.throws(() => connectionsOf({ connections: '2', via: 'ssh' }), { code: 'ERR_USAGE', message: /--via/ })
  t.throws(() => connectionsOf({ connections: '2', to: 'x', watch: true }), { message: /--watch/ })
})

test('a limit is for all connections together, also when it is changed', (t) => {
  const rate = new Rate(1000)
  const share = shareOf(rate, 4)
  t.is(share.limit, 250)
  rate.limit = 400
  t.is(share.limit, 100)
  rate.limit = null
  t.is(share.limit, null)
  t.is(shareOf(rate, 1), rate)
})
