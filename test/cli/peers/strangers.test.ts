import { PassThrough } from 'node:stream'
import test from 'ava'
import { Entrance } from '../../../lib/cli/network/entrance.js'
import { Strangers } from '../../../lib/cli/network/strangers.js'
import { SluiceError } from '../../../lib/errors.js'
import { FakeClock } from '../../../lib/testing/index.js'

const silent = new SluiceError('ERR_TIMEOUT', 'it said nothing')
const notLetIn = new SluiceError('ERR_IDENTITY', 'it was not let in')

test('people are warned of strangers once a second, of those with a ticket first, and of all at the end', (t) => {
  const clock = new FakeClock()
  const told: string[] = []
  const strangers = new Strangers(({ code, message }) => told.push(`${code}: ${message}`), undefined, clock)
  const tells = (...lines: string[]) => t.deepEqual(told.splice(0), lines)
  strangers.refused(silent)
  tells('ERR_TIMEOUT: a connection came to nothing: it said nothing; still listening')
  strangers.refused(notLetIn)
  for (let at = 0; at < 100; at++) strangers.refused(silent)
  clock.advance(999)
  tells()
  clock.advance(1)
  const most = 'a connection came to nothing, and 100 others since the last warning: it was not let in'
  tells(`ERR_IDENTITY: ${most}; still listening`)
  clock.advance(1000)
  tells()
  strangers.refused(silent)
  strangers.refused(silent)
  tells('ERR_TIMEOUT: a connection came to nothing: it said nothing; still listening')
  strangers.flush()
  tells('ERR_TIMEOUT: a connection came to nothing: it said nothing; still listening')
  strangers.flush()
  tells()
  t.is(clock.pending, 0)
  strangers.refused(silent)
  tells('ERR_TIMEOUT: a connection came to nothing: it said nothing; still listening')
  strangers.flush()
  t.is(clock.pending, 0)
})

test('who comes in before anybody listens for it waits, and is not lost', async (t) => {
  const entrance = new Entrance('word', () => {})
  const duplex = new PassThrough()
  const caller = { address: '10.0.0.1', hangUp: () => {} }
  const entering = entrance.enter(duplex, caller)
  const come: unknown[] = []
  entrance.on('connection', (...one) => come.push(one))
  entrance.serve()
  await entering
  t.deepEqual(come, [[duplex, caller]])
})
