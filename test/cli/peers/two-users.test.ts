// Two people, each with a home of their own: what the command does between two machines, over loopback.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { decodeTicket, isTicket } from '../../../lib/peers/ticket.js'
import { randomContent } from '../../../lib/testing/index.js'
import { listing, plant, temporary } from '../../helpers/folders.js'
import { relay } from '../../helpers/relay.js'
import { Screen } from '../../helpers/screen.js'
import { HERE, newUser } from '../../helpers/user.js'

/** Anna has photos, and Bob an empty folder. */
async function scene(t: ExecutionContext<unknown>) {
  const [anna, bob, source, dir] = await Promise.all([newUser(t), newUser(t), temporary(t), temporary(t)])
  await plant(source, {
    'photos/a.jpg': randomContent(300_000),
    'photos/sub/b.txt': 'b',
    'photos/none': null,
  })
  const equal = async () => t.deepEqual(await listing(dir), await listing(source))
  return { anna, bob, photos: join(source, 'photos'), dir, equal }
}

test('Bob receives, and Anna sends by his ticket: what has come is equal', async (t) => {
  const { anna, bob, photos, dir, equal } = await scene(t)
  const receiver = bob.start(['receive', '--once', '--yes', '--dir', dir, ...HERE])
  const ticket = await receiver.line()
  t.true(isTicket(ticket))
  t.deepEqual(Buffer.from(decodeTicket(ticket).publicKey), Buffer.from(bob.me.publicKey))
  const sent = await anna.run('send', photos, '--to', ticket)
  t.is(sent.code, 0, sent.err)
  const { code, err } = await receiver.ended
  t.is(code, 0, err)
  t.true(err.includes(`from ${anna.print}`), err)
  await equal()
})

test('an address that leads to the listener from elsewhere is told before its own', async (t) => {
  const { anna, bob, photos, dir, equal } = await scene(t)
  let own = ''
  const router = await relay(t, () => Number(own.split(':')[1]))
  const outside = `localhost:${router.port}`
  const at = [...HERE, '--address', outside]
  const receiver = bob.start(['receive', '--once', '--yes', '--dir', dir, ...at])
  const ticket = await receiver.line()
  const [first, second, ...others] = decodeTicket(ticket).addresses
  t.deepEqual([first, others], [outside, []])
  own = second!
  const sent = await anna.run('send', photos, '--to', ticket, '--remember', 'bob')
  t.is(sent.code, 0, sent.err)
  await equal()
  t.is(router.recorded.length, 1)
  t.true((await anna.run('peers', 'list')).out.endsWith(outside))
  // where no ticket is made it is what the other side is to know
  await bob.run('peers', 'add', 'anna', anna.key)
  const allowing = bob.start(['receive', '--allow', 'anna', '--yes', '--dir', dir, ...at])
  t.is(await allowing.line(), outside)
})

test('Anna waits, and Bob receives by her ticket, from a file on standard input, or from SLUICE_TICKET', async (t) => {
  for (const way of ['argument', 'input', 'variable']) {
    const { anna, bob, photos, dir, equal } = await scene(t)
    const sender = anna.start(['send', photos, ...HERE])
    const ticket = await sender.line()
    const word = { argument: [ticket], input: ['-'], variable: [] }[way]!
    const env = way === 'variable' ? { SLUICE_TICKET: ticket } : {}
    const receiver = bob.start(['receive', ...word, '--yes', '--dir', dir], { input: 'pipe', env })
    receiver.child.stdin!.end(way === 'input' ? `\n${ticket}\n` : '')
    const { code, err } = await receiver.ended
    t.is(code, 0, `${way}: ${err}`)
    t.is((await sender.ended).code, 0)
    await equal()
  }
})

test('send --to - reads the ticket from standard input, and without --to from SLUICE_TICKET', async (t) => {
  for (const way of ['input', 'variable']) {
    const { anna, bob, photos, dir, equal } = await scene(t)
    const receiver = bob.start(['receive', '--once', '--yes', '--dir', dir, ...HERE])
    const ticket = await receiver.line()
    const to = way === 'input' ? ['--to', '-'] : []
    const env = way === 'variable' ? { SLUICE_TICKET: ticket } : {}
    const sender = anna.start(['send', photos, ...to], { input: 'pipe', env })
    sender.child.stdin!.end(`${ticket}\n`)
    const { code, err } = await sender.ended
    t.is(code, 0, `${way}: ${err}`)
    t.is((await receiver.ended).code, 0)
    await equal()
  }
})

test('a ticket that is asked for at a terminal is not shown there, and Ctrl-C ends the question', async (t) => {
  const { anna, bob, photos, dir, equal } = await scene(t)
  const receiver = bob.start(['receive', '--once', '--yes', '--dir', dir, ...HERE])
  const ticket = await receiver.line()
  const options = { columns: 80, cwd: photos, env: { SLUICE_HOME: anna.home } }
  const stopped = await Screen.of(t, ['send', photos, '--to', '-'], options)
  await stopped.shows(/Ticket .*:/)
  stopped.type('\u0003')
  t.is(await stopped.ended, 130)
  const sender = await Screen.of(t, ['send', photos, '--to', '-'], options)
  await sender.shows(/Ticket .*:/)
  sender.type(`${ticket}\r`)
  t.is(await sender.ended, 0, sender.text)
  for (let at = 0; at + 10 <= ticket.length; at += 5) t.false(sender.raw.includes(ticket.slice(at, at + 10)))
  t.is((await receiver.ended).code, 0)
  await equal()
})

test('a ticket for two lets two others in, one after the other or at once, and no third one', async (t) => {
  const { anna, bob, photos, dir } = await scene(t)
  const receiver = bob.start(['receive', '--many', '2', '--yes', '--dir', dir, ...HERE])
  const ticket = await receiver.line()
  const [carol, dave] = await Promise.all([newUser(t), newUser(t)])
  const note = join(await plant(await temporary(t), { note: 'a note' }), 'note')
  const [first, second] = await Promise.all([
    anna.run('send', photos, '--to', ticket),
    carol.run('send', note, '--to', ticket),
  ])
  t.deepEqual([first.code, second.code], [0, 0], first.err + second.err)
  const third = await dave.run('send', note, '--name', 'other', '--to', ticket)
  t.is(third.code, 6, third.err)
  // who was let in is let in again
  t.is((await anna.run('send', photos, '--to', ticket)).code, 0)
  receiver.child.kill('SIGINT')
  const { err } = await receiver.ended
  t.regex(err, /a dialler was not let in: its ticket was used already; still listening/)
  t.deepEqual((await readdir(dir)).sort(), ['note', 'photos'])
  t.is(await readFile(join(dir, 'note'), 'utf8'), 'a note')
})

test('one sender gives to two receivers with one ticket', async (t) => {
  const { anna, bob, photos, dir, equal } = await scene(t)
  const carol = await newUser(t)
  const other = await temporary(t)
  const sender = anna.start(['send', photos, '--many', '2', ...HERE])
  const ticket = await sender.line()
  const both = await Promise.all([
    bob.run('receive', ticket, '--yes', '--dir', dir),
    carol.run('receive', ticket, '--yes', '--dir', other),
  ])
  t.deepEqual(
    both.map(({ code }) => code),
    [0, 0],
    both.map(({ err }) => err).join(),
  )
  sender.child.kill('SIGINT')
  await sender.ended
  await equal()
  t.deepEqual(await listing(other), await listing(dir))
})

test('--allow lets a known peer in without a ticket, whom the other side finds by name, and nobody else', async (t) => {
  const { anna, bob, photos, dir, equal } = await scene(t)
  t.is((await bob.run('peers', 'add', 'anna', anna.key)).code, 0)
  const receiver = bob.start(['receive', '--allow', 'anna', '--yes', '--dir', dir, ...HERE])
  const address = await receiver.line()
  t.regex(address, /^127\.0\.0\.1:\d+$/)
  const carol = await newUser(t)
  for (const user of [anna, carol]) t.is((await user.run('peers', 'add', 'bob', bob.key, address)).code, 0)
  const stranger = await carol.run('send', photos, '--to', 'bob')
  t.is(stranger.code, 6)
  t.deepEqual(await readdir(dir), [])
  const sent = await anna.run('send', photos, '--to', 'bob')
  t.is(sent.code, 0, sent.err)
  await equal()
  receiver.child.kill('SIGINT')
  const { err } = await receiver.ended
  t.true(err.includes(`not let in: ${carol.print} is not one that --allow names`), err)
  t.true(err.includes(`from anna (${anna.print})`), err)
  const unknown = await bob.run('receive', '--allow', 'nobody', ...HERE)
  t.is(unknown.code, 2)
  t.regex(unknown.err, /^sluice: "nobody" is no known peer; known: "anna"/m)
})

test('--remember makes the other side known, who is found by name then; a changed key is an alarm', async (t) => {
  const { anna, bob, photos, dir, equal } = await scene(t)
  const args = ['--yes', '--dir', dir, '--remember', 'anna']
  // there an address of a caller could be taken for one at which it listens
  const hasSix = Object.values(networkInterfaces()).some((list) => list?.some((one) => one.address === '::1'))
  const at = hasSix ? '[::1]:0' : '127.0.0.1:0'
  const first = bob.start(['receive', '--once', ...args, '--listen', at])
  const sent = await anna.run('send', photos, '--to', await first.line(), '--remember', 'bob')
  t.is(sent.code, 0, sent.err)
  t.regex(sent.err, /^remembered as bob$/m)
  const { err } = await first.ended
  t.regex(err, /^remembered as anna$/m)
  await equal()
  const known = await anna.run('peers', 'list', '--json')
  const [address] = JSON.parse(known.out).addresses
  t.is(JSON.parse(known.out).key, bob.key)
  t.deepEqual(JSON.parse((await bob.run('peers', 'list', '--json')).out).addresses, [], 'she has only called')

  const again = bob.start([
    'receive',
    '--once',
    '--allow',
    'anna',
    '--yes',
    '--dir',
    dir,
    '--listen',
    address,
  ])
  await again.line()
  await writeFile(join(photos, 'more'), 'more')
  const byName = await anna.run('send', photos, '--to', 'bob')
  t.is(byName.code, 0, byName.err)
  t.is((await again.ended).code, 0)
  await equal()

  // a known peer is looked for first where it was reached last, also by a ticket
  const elsewhere = bob.start(['receive', '--once', '--yes', '--dir', dir, ...HERE])
  const byTicket = await anna.run('send', photos, '--to', await elsewhere.line())
  t.is(byTicket.code, 0, byTicket.err)
  const { addresses } = JSON.parse((await anna.run('peers', 'list', '--json')).out)
  t.is(addresses.length, 2)
  t.is(addresses[1], address)

  const carol = await newUser(t)
  const another = carol.start(['receive', '--yes', '--dir', await temporary(t), ...HERE])
  const alarm = await anna.run('send', photos, '--to', await another.line(), '--remember', 'bob')
  t.is(alarm.code, 6)
  t.regex(alarm.err, /^sluice: "bob" has another key than before/m)
  another.child.kill('SIGINT')
  t.notRegex((await another.ended).err, /10000 ms/, 'she has not hung up at once')
})

test('the command of a running transfer shows nothing of its ticket in the process list', async (t) => {
  if (process.platform !== 'linux') {
    t.log('skipped: there is no /proc here')
    return t.pass()
  }
  const { anna, bob, photos, dir } = await scene(t)
  const shown = async (pid: number | undefined) => {
    const texts = await Promise.all(
      ['cmdline', 'comm'].map((name) => readFile(`/proc/${pid}/${name}`, 'latin1')),
    )
    return texts.join('\n')
  }
  const receiver = bob.start(['receive', '--yes', '--json', '--dir', dir, ...HERE])
  const ticket = JSON.parse(await receiver.line()).address as string
  const sender = anna.start(['send', '-', '--name', 'n', '--json', '--to', ticket], { input: 'pipe' })
  sender.child.stdin!.write('a beginning')
  while (JSON.parse(await sender.line()).state !== 'sending');
  const waiting = anna.start(['send', photos, '--json', '--limit', '1k', ...HERE])
  const other = JSON.parse(await waiting.line()).address as string
  const taking = bob.start(['receive', other, '--yes', '--json', '--dir', await temporary(t)])
  while (JSON.parse(await taking.line()).state !== 'receiving');
  for (const [{ child }, word] of [
    [sender, ticket],
    [taking, other],
  ] as const) {
    const seen = await shown(child.pid)
    t.regex(seen, /^sluice/)
    for (let at = 0; at + 12 <= word.length; at += 6) t.false(seen.includes(word.slice(at, at + 12)), seen)
  }
  for (const { child } of [sender, taking, waiting, receiver]) child.kill('SIGINT')
})
