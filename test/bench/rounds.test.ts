import test from 'ava'
import { takeTurns } from './rounds.js'

const quiet = { log: () => {}, settle: () => {} }
const sample = (wall: number) => ({ wall, wallWithStart: wall, usage: {} })

test('contenders take turns, every second round in the opposite order', async (t) => {
  const order: string[] = []
  const contenders = ['a', 'b', 'c'].map((name) => ({
    name,
    run: async (round: number) => {
      order.push(`${name}${round}`)
      return sample(round)
    },
  }))
  const results = await takeTurns(contenders, 3, quiet)
  t.deepEqual(order, ['a0', 'b0', 'c0', 'c1', 'b1', 'a1', 'a2', 'b2', 'c2'])
  for (const { samples } of results)
    t.deepEqual(
      samples.map(({ wall }) => wall),
      [0, 1, 2],
    )
})

test('one that takes long runs in fewer rounds', async (t) => {
  const once = { name: 'once', rounds: 1, size: 5, run: async () => sample(1) }
  const often = { name: 'often', run: async () => sample(1) }
  const results = await takeTurns([once, often], 3, quiet)
  t.deepEqual(
    results.map(({ name, size, samples }) => [name, size, samples.length]),
    [
      ['once', 5, 1],
      ['often', undefined, 3],
    ],
  )
})

test('the disk settles before each run', async (t) => {
  const order: string[] = []
  const run = async () => {
    order.push('run')
    return sample(1)
  }
  await takeTurns([{ name: 'a', run }], 2, { log: () => {}, settle: () => void order.push('settle') })
  t.deepEqual(order, ['settle', 'run', 'settle', 'run'])
})
