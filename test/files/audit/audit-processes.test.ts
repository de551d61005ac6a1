import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { AuditTrail, readAudit } from '../../../lib/files/index.js'
import { randomBySeed } from '../../../lib/testing/splits.js'
import { temporary } from '../../helpers/folders.js'
import { scale } from '../../helpers/scale.js'

const CHILD = fileURLToPath(new URL('../../helpers/audit-child.js', import.meta.url))

function start(t: ExecutionContext<unknown>, ...args: (string | number)[]) {
  const child = spawn(process.execPath, [CHILD, ...args.map(String)], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

async function run(t: ExecutionContext<unknown>, ...args: (string | number)[]): Promise<number | null> {
  const child = start(t, ...args)
  child.stdout.resume()
  child.stderr.resume()
  const [code] = await once(child, 'close')
  return code
}

async function pathsIn(path: string): Promise<{ paths: string[]; torn: number }> {
  const paths: string[] = []
  let torn = 0
  const onTorn = () => {
    torn++
  }
  for await (const record of readAudit(path, { onTorn })) paths.push(record.path)
  return { paths, torn }
}

const byNumber = (a: string, b: string) => Number(a.split(' ')[1]) - Number(b.split(' ')[1])
const numbered = (name: string, count: number) => Array.from({ length: count }, (_, n) => `${name} ${n}`)

test('KNOWN-FAILURES 46: 200 records that nobody waits for stand when the process exits', async (t) => {
  const path = join(await temporary(t), 'audit.jsonl')
  t.is(await run(t, 'leave', path, 'a', 200), 0)
  t.deepEqual(await pathsIn(path), { paths: numbered('a', 200), torn: 0 })
})

test('records that nobody waits for stand when the process dies of an exception', async (t) => {
  const path = join(await temporary(t), 'audit.jsonl')
  t.is(await run(t, 'throw', path, 'a', 200), 1)
  t.deepEqual(await pathsIn(path), { paths: numbered('a', 200), torn: 0 })
})

test('long records that nobody waits for stand, in order, when the process is killed while its threads are busy', async (t) => {
  const path = join(await temporary(t), 'audit.jsonl')
  t.is(await run(t, 'killed', path, 'a', 5), null)
  t.deepEqual(await pathsIn(path), { paths: numbered('a', 5), torn: 0 })
})

test('8 processes append to one trail and rotate it: nothing is lost, no line is torn', async (t) => {
  const path = join(await temporary(t), 'audit.jsonl')
  const count = scale(200, 2000)
  const names = [...'abcdefgh']
  const codes = await Promise.all(names.map((name) => run(t, 'wait', path, name, count, 10_000)))
  t.deepEqual(new Set(codes), new Set([0]))
  const { paths, torn } = await pathsIn(path)
  t.is(torn, 0)
  t.deepEqual([...paths].sort(), names.flatMap((name) => numbered(name, count)).sort())
  t.true((await readFile(path)).length < 20_000)
})

/** Starts one that appends until it is killed; `dead` gives the last number that it was told. */
function endless(t: ExecutionContext<unknown>, path: string, name: string, maxBytes: number) {
  const child = start(t, 'endless', path, name, 0, maxBytes)
  let said = ''
  let wanted = Number.POSITIVE_INFINITY
  const look = () => {
    if (said.split('\n').length > wanted) child.kill('SIGKILL')
  }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
    look()
  })
  const dead = once(child, 'close').then(() =>
    Number(said.slice(0, said.lastIndexOf('\n')).split('\n').at(-1)),
  )
  /** Kills it once it has said so many lines: a moment that differs by work, and not by a clock. */
  const killAfter = (lines: number) => {
    wanted = lines
    look()
    return dead
  }
  return { name, killAfter }
}

test('a killed process leaves what it was told stands, and the next one goes on behind it', async (t) => {
  const path = join(await temporary(t), 'audit.jsonl')
  const rounds = scale(4, 60)
  const random = randomBySeed(3)
  const told = new Map<string, number>()
  for (let round = 0; round < rounds; round++) {
    const { name, killAfter } = endless(t, path, `r${round}`, 10 << 20)
    told.set(name, await killAfter(1 + Math.floor(random() * 300)))
  }
  const trail = await AuditTrail.open(path)
  await trail.record({ operation: 'last', path: 'last', status: 'ok', duration: 0 })
  await trail.close()
  const { paths, torn } = await pathsIn(path)
  t.true(torn <= rounds)
  t.is(paths.at(-1), 'last')
  for (const [name, last] of told) {
    const mine = paths.filter((record) => record.startsWith(`${name} `))
    t.true(mine.length > last)
    t.deepEqual(mine, numbered(name, mine.length))
  }
})

test('processes are killed while they append to one trail and rotate it: what they were told stands', async (t) => {
  const path = join(await temporary(t), 'audit.jsonl')
  const names = Array.from({ length: scale(6, 40) }, (_, n) => `r${n}`)
  const random = randomBySeed(4)
  const running = names.slice(0, 3).map((name) => endless(t, path, name, 4000))
  const told = new Map<string, number>()
  for (let round = 0; round < names.length; round++) {
    const { name, killAfter } = running.shift()!
    told.set(name, await killAfter(1 + Math.floor(random() * 300)))
    // the others go on, and one more begins
    const next = names[round + 3]
    if (next !== undefined) running.push(endless(t, path, next, 4000))
  }
  const { paths, torn } = await pathsIn(path)
  t.true(torn <= names.length)
  for (const [name, last] of told) {
    const mine = paths.filter((record) => record.startsWith(`${name} `))
    t.true(mine.length > last, `${name} was told ${last}, and ${mine.length} stand`)
    // none is there twice, and none is made of a line that was cut
    t.deepEqual(mine.sort(byNumber), numbered(name, mine.length))
  }
  t.deepEqual([...new Set(paths.map((record) => record.split(' ')[0]))].sort(), [...names].sort())
})
