import test from 'ava'
import { leastWorth, type Silent } from '../../lib/cli/network/serve.js'

const NOW = 100_000

function connections(count: number, address: string, bytesRead: number, age: number): Silent[] {
  return Array.from({ length: count }, () => ({
    socket: { bytesRead, destroy: () => undefined as never },
    address,
    since: NOW - age,
  }))
}

/** Who goes, one after the other. */
function closed(all: readonly Silent[], count: number): Silent[] {
  const left = [...all]
  return Array.from({ length: count }, () => {
    const one = leastWorth(left, NOW)
    left.splice(left.indexOf(one), 1)
    return one
  })
}

test('many that say a byte lock nobody out: neither one that has just come, nor one that has spoken', (t) => {
  const attackers = connections(256, 'a', 1, 5000)
  for (const honest of [...connections(1, 'a', 0, 10), ...connections(1, 'a', 60, 9000)]) {
    t.false(closed([...attackers, honest], 256).includes(honest))
    t.false(closed([honest, ...attackers], 256).includes(honest))
  }
})

test('nor do many that have just come, or say as much, lock out another address', (t) => {
  for (const attackers of [connections(300, 'a', 100, 5000), connections(300, 'a', 0, 0)]) {
    const [honest] = connections(1, 'b', 0, 9000)
    t.false(closed([honest!, ...attackers], 299).includes(honest!))
  }
})

test('of those that came at once the one goes that has said least, and the oldest of them', (t) => {
  const all = [...connections(2, 'a', 5, 10), ...connections(3, 'a', 0, 10)]
  t.deepEqual(closed(all, 5), [all[2], all[3], all[4], all[0], all[1]])
})
