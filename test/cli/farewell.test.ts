import test from 'ava'
import { farewell } from '../../lib/cli/network/sockets.js'
import { FakeClock } from '../../lib/testing/index.js'

test('who stops the program has it ended within a second, whatever its peers do', (t) => {
  const clock = new FakeClock()
  const closed: string[] = []
  const socket = (name: string, writableEnded: boolean, writableLength: number) => ({
    writableEnded,
    writableLength,
    destroy: () => void closed.push(name),
  })
  const sockets = [socket('ended', true, 0), socket('full', false, 9), socket('waits', false, 0)]
  farewell(() => sockets.slice(closed.length) as never, clock)
  clock.advance(500)
  t.deepEqual(closed, ['ended', 'full'])
  // what is left of the second is for the process to end
  clock.advance(300)
  t.deepEqual(closed, ['ended', 'full', 'waits'])
})
