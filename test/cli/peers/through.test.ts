// Through a program: `send --via` starts it, and `receive --stdio` is at its other end.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { randomContent } from '../../../lib/testing/index.js'
import { MAIN } from '../../helpers/command.js'
import { listing, plant, temporary } from '../../helpers/folders.js'
import { Screen } from '../../helpers/screen.js'
import { sshServer } from '../../helpers/ssh.js'
import { newUser } from '../../helpers/user.js'

async function scene(t: ExecutionContext<unknown>) {
  const [anna, source, dir] = await Promise.all([newUser(t), temporary(t), temporary(t)])
  await plant(source, { 'photos/a.jpg': randomContent(3_000_000), 'photos/b c': 'b', 'photos/none': null })
  const line = (...words: string[]) => words.map((word) => `'${word}'`).join(' ')
  const receive = [process.execPath, MAIN, 'receive', '--stdio', '--dir', dir]
  return { anna, photos: join(source, 'photos'), source, dir, line, receive }
}

test('a folder goes through a program, whose lines people read, and whose end is told of', async (t) => {
  const { anna, photos, source, dir, line, receive } = await scene(t)
  const sent = await anna.run('send', photos, '--via', line(...receive, '--yes'))
  t.is(sent.code, 0, sent.err)
  t.deepEqual(await listing(dir), await listing(source))
  t.regex(sent.err, /3 files|2 files/)
  const input = anna.start(['send', '-', '--name', 'n', '--via', line(...receive, '--yes')], {
    input: 'pipe',
  })
  input.child.stdin!.end('from standard input')
  t.is((await input.ended).code, 0)
  t.is(await readFile(join(dir, 'n'), 'utf8'), 'from standard input')

  const nobodyAsked = await anna.run('send', photos, '--name', 'x', '--via', line(...receive))
  t.is(nobodyAsked.code, 3, nobodyAsked.err)
  const gone = await anna.run('send', photos, '--via', line(process.execPath, '-e', 'process.exit(7)'))
  t.is(gone.code, 6)
  t.regex(gone.err, /^sluice: .*the command .* ended with exit status 7$/m)
  const missing = await anna.run('send', photos, '--via', 'no-such-program-anywhere')
  t.is(missing.code, 2)
  const both = await anna.run('send', photos, '--via', 'a', '--to', 'b')
  t.is(both.code, 2)
  t.regex(both.err, /either --to b or --via, not both/)
  t.deepEqual((await readdir(dir)).sort(), ['n', 'photos'])
})

test('Ctrl-C at the terminal ends a watch through a program in order, and what changed last arrives', async (t) => {
  if (process.platform !== 'linux') return t.pass('its receiver is started by a command of Linux')
  const { anna, source, dir } = await scene(t)
  await writeFile(join(source, 'notes'), 'one')
  // the receiver is on another machine, as it were: what is between is at the terminal
  const receive = `setsid -w "${process.execPath}" "${MAIN}" receive --stdio --once --yes --quiet --dir "${dir}"`
  const through = `sh -c 'cat | ${receive} | cat'`
  const sender = await Screen.of(t, ['send', 'notes', '--watch', '--via', through], {
    columns: 80,
    cwd: source,
    env: { SLUICE_HOME: anna.home },
  })
  await sender.shows(/watching notes/)
  await writeFile(join(source, 'notes'), 'two')
  sender.type('\u0003')
  t.is(await sender.ended, 0, sender.text)
  t.is(await readFile(join(dir, 'notes'), 'utf8'), 'two')
})

test('a folder goes through ssh to sluice receive --stdio', async (t) => {
  const ssh = await sshServer(t)
  if (typeof ssh === 'string') {
    t.log(`skipped: ${ssh}`)
    return t.pass()
  }
  const { anna, photos, source, dir, line, receive } = await scene(t)
  const sent = await anna.run('send', photos, '--via', line(...ssh, ...receive, '--yes'))
  t.is(sent.code, 0, sent.err)
  t.deepEqual(await listing(dir), await listing(source))
  const nobody = ssh.map((word) => word.replace(/.*@/, 'nobody-of-that-name@'))
  const refused = await anna.run('send', photos, '--via', line(...nobody, ...receive))
  t.is(refused.code, 6)
  t.regex(refused.err, /Permission denied/)
})
