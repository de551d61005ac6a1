import { chmod, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { Command, NO_HOME } from '../helpers/command.js'
import { plant, temporary } from '../helpers/folders.js'
import { HERE, newUser } from '../helpers/user.js'

test('with --history a transfer is recorded, and status shows the last ones of its folder', async (t) => {
  const root = await plant(await temporary(t), { 'source/a': 'a', 'source/b': 'bb', 'other/x': '' })
  const [dir, home] = [join(root, 'in'), join(root, 'home')]
  const command = (...args: string[]) => new Command(t, args, { env: { SLUICE_HOME: home } })
  const send = ['send', join(root, 'source')]
  // who listens
  const receiver = command('receive', '--plain', '--once', '--yes', '--dir', dir, '--history')
  t.is((await command(...send, '--to', await receiver.line()).ended).code, 0)
  t.is((await receiver.ended).code, 0)
  // who connects, and says no
  const sender = command(...send, '--listen', '127.0.0.1:0')
  const rejecting = await command('receive', await sender.line(), '--dir', dir, '--history').ended
  t.is(rejecting.code, 3)
  // without --history nothing is recorded
  const other = command('receive', '--plain', '--once', '--yes', '--dir', dir)
  t.is((await command(...send, '--to', await other.line()).ended).code, 0)
  t.is((await other.ended).code, 0)

  if (process.platform !== 'win32') t.is((await stat(join(home, 'history.json'))).mode & 0o777, 0o600)
  const status = await command('status', dir).ended
  t.is(status.code, 0, status.err)
  const [first, second, ...more] = status.out.split('\n')
  t.deepEqual(more, [])
  t.regex(first!, /^completed {4}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}3 entries, 3 B$/)
  t.regex(second!, /^rejected .* from \S+.* {2}.*--yes/)
  await symlink(dir, join(root, 'link'), 'junction')
  const json = await command('status', join(root, 'link'), '--json').ended
  const events = json.out.split('\n').map((line) => JSON.parse(line))
  t.deepEqual(
    events.map(({ event, state, files, code }) => [event, state, files, code]),
    [
      ['past', 'completed', 3, undefined],
      ['past', 'rejected', 0, 'ERR_REJECTED'],
    ],
  )
  t.false('place' in events[0])
  t.is((await command('status', join(root, 'other')).ended).out, '')
})

test('status needs no home, and a history that is damaged is a warning', async (t) => {
  const root = await plant(await temporary(t), { 'in/a': 'a', 'home/history.json': '{}' })
  const status = (home: string) =>
    new Command(t, ['status', join(root, 'in')], { env: { SLUICE_HOME: home } }).ended
  for (const home of [NO_HOME, join(root, 'none')])
    t.deepEqual(await status(home), { code: 0, out: '', err: 'nothing is left of interrupted transfers\n' })
  await chmod(join(root, 'home'), 0o700)
  const damaged = await status(join(root, 'home'))
  t.is(damaged.code, 0)
  t.regex(damaged.err, /^warning: .*history\.json does not match its schema/m)
  await writeFile(join(root, 'home', 'history.json'), '[]')
  t.is((await status(join(root, 'home'))).out, '')
})

test('what a peer sends into a folder of its own is recorded there; of a watch that the first round', async (t) => {
  const [anna, bob, root] = [await newUser(t), await newUser(t), await temporary(t)]
  await plant(root, { 'photos/a.jpg': 'a', 'in/anna': null })
  const [photos, dir] = [join(root, 'photos'), join(root, 'in')]
  t.is((await bob.run('peers', 'add', 'anna', anna.key, '--dir', 'anna')).code, 0)
  const receiver = bob.start(['receive', '--yes', '--history', '--dir', dir, ...HERE])
  const sender = anna.start(['send', photos, '--watch', '--json', '--to', await receiver.line()])
  const completed = async () => {
    for (;;) if (JSON.parse(await sender.line()).event === 'completed') return
  }
  await completed()
  await writeFile(join(photos, 'a.jpg'), 'another')
  await completed()
  sender.child.kill('SIGINT')
  t.is((await sender.ended).code, 0)
  receiver.child.kill('SIGINT')
  await receiver.ended
  const past = async (folder: string) => (await bob.run('status', folder)).out
  t.regex(await past(join(dir, 'anna')), /^completed .* 2 entries, 1 B {2}from anna[^\n]*$/)
  t.is(await past(dir), '')
})
