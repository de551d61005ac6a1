// What a known peer may bring, and where that goes: two users, each with a home, over loopback.
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { randomContent } from '../../../lib/testing/index.js'
import { listing, plant, temporary } from '../../helpers/folders.js'
import { HERE, newUser } from '../../helpers/user.js'

/** Anna knows Bob, with these limits, and receives from him; he knows her. */
async function scene(t: ExecutionContext<unknown>, ...limits: string[]) {
  const [anna, bob, source, dir] = await Promise.all([newUser(t), newUser(t), temporary(t), temporary(t)])
  t.is((await anna.run('peers', 'add', 'bob', bob.key, ...limits)).code, 0)
  const receive = async (...flags: string[]) => {
    const receiver = anna.start(['receive', '--allow', 'bob', '--yes', '--dir', dir, ...HERE, ...flags])
    t.is((await bob.run('peers', 'add', 'anna', anna.key, await receiver.line())).code, 0)
    return receiver
  }
  const send = (...names: string[]) =>
    bob.run('send', ...names.map((name) => join(source, name)), '--to', 'anna')
  return { anna, bob, source, dir, receive, send }
}

test('the files of a peer go to a folder of its own, and count until the quota is reached', async (t) => {
  const { anna, bob, source, dir, receive, send } = await scene(
    t,
    '--dir',
    'from/bob',
    '--max-bytes',
    '1M',
    '--max-files',
    '3',
  )
  await plant(source, {
    a: randomContent(600_000),
    b: 'b',
    large: randomContent(1_000_001),
    more: randomContent(500_000),
  })
  const receiver = await receive()
  const first = await send('a', 'b')
  t.is(first.code, 0, first.err)
  t.deepEqual(Object.keys(await listing(join(dir, 'from/bob'))).sort(), ['a', 'b'])
  // the same once more counts nothing
  t.is((await send('a', 'b')).code, 0)
  const listed = await anna.run('peers', 'list')
  t.is(listed.out, `bob  ${bob.print}  600 kB of 1 MB  2 of 3 files and folders  into from/bob`)
  const json = JSON.parse((await anna.run('peers', 'list', '--json')).out)
  t.like(json, { allowed: { dir: 'from/bob', bytes: 1e6, files: 3 }, used: { bytes: 600_001, files: 2 } })
  const tooLarge = await send('large')
  t.is(tooLarge.code, 3)
  t.regex(tooLarge.err, /rejected.*1000001 bytes.*quota of this sender is 1000000 bytes/)
  const missing = await send('more')
  t.is(missing.code, 3)
  t.regex(missing.err, /quota of this sender is used up: there was room for 399999 bytes/)
  t.false(`${tooLarge.err}${missing.err}`.includes(dir))
  receiver.child.kill('SIGTERM')
  const { err } = await receiver.ended
  t.regex(err, /rejected: these are 1000001 bytes/)
  t.regex(err, /quota of this sender is used up/)
  t.regex(err, /^quota of bob: 600 kB of 1 MB, 2 of 3 files and folders used$/m)
  const advice =
    /^to take more from bob, run: sluice peers set bob --max-bytes N --max-files N; or count anew/gm
  t.is(err.match(advice)?.length, 2, err)
  t.deepEqual(Object.keys(await listing(join(dir, 'from/bob'))).sort(), ['a', 'b'])
})

test('peers set changes what a peer may bring, and counts anew; remove forgets both', async (t) => {
  const { anna, bob, source, receive, send } = await scene(t, '--max-files', '1')
  await plant(source, { a: 'a', b: 'b' })
  const receiver = await receive()
  t.is((await send('a')).code, 0)
  t.is((await send('b')).code, 3)
  const reset = await anna.run('peers', 'set', 'bob', '--reset')
  t.regex(reset.err, /0 of 1 file or folder$/m)
  t.is((await send('b')).code, 0)
  const raised = await anna.run('peers', 'set', 'bob', '--max-files', '5', '--max-bytes', '1k', '--json')
  t.like(JSON.parse(raised.out), { allowed: { files: 5, bytes: 1000 }, used: { files: 1, bytes: 1 } })
  const lifted = await anna.run('peers', 'set', 'bob', '--max-files', 'none', '--max-bytes', 'none', '--json')
  t.deepEqual(JSON.parse(lifted.out).allowed, {})
  receiver.child.kill('SIGTERM')
  await receiver.ended
  for (const wrong of [
    ['--max-bytes', '1x'],
    ['--max-files', '-1'],
    ['--dir', '../x'],
    ['--dir', '/etc/../x'],
    ['--dir', join(source, 'a')],
  ]) {
    const refused = await anna.run('peers', 'set', 'bob', ...wrong)
    t.is(refused.code, 2, refused.err)
    t.regex(refused.err, new RegExp(`^sluice: ${wrong[0]} must be `))
  }
  t.regex(
    (await anna.run('peers', 'set', 'carl', '--reset')).err,
    /"carl" is no known peer; known: "bob"; sluice peers add makes somebody known/,
  )
  t.is((await anna.run('peers', 'remove', 'bob')).code, 0)
  t.is((await anna.run('peers', 'add', 'bob', bob.key, '--max-files', '5')).code, 0)
  t.regex((await anna.run('peers', 'list')).out, /0 of 5 files and folders/)
})

test('two receivers at once share the quota of a peer', async (t) => {
  const { source, receive, send } = await scene(t, '--max-bytes', '10M')
  await plant(source, {
    a: randomContent(6_000_000, 1),
    b: randomContent(6_000_000, 2),
    c: randomContent(3_000_000, 3),
  })
  const receivers = [await receive()]
  const first = await send('a')
  t.is(first.code, 0, first.err)
  // known at the address of another process by now
  receivers.push(await receive())
  t.is((await send('b')).code, 3)
  t.is((await send('c')).code, 0)
  for (const { child, ended } of receivers) {
    child.kill('SIGTERM')
    await ended
  }
})

test('what came from a peer with a folder of its own is in the history of that folder', async (t) => {
  const { anna, source, dir, receive, send } = await scene(t, '--dir', 'from/bob')
  await plant(source, { a: 'a' })
  const receiver = await receive('--history')
  t.is((await send('a')).code, 0)
  receiver.child.kill('SIGTERM')
  await receiver.ended
  t.regex((await anna.run('status', join(dir, 'from/bob'))).out, /^completed .* from bob/)
  t.is((await anna.run('status', dir)).out, '')
})
