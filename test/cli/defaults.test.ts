import { chmod, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { Command } from '../helpers/command.js'
import { plant, temporary } from '../helpers/folders.js'

/** A user with files, and what the configuration holds. */
async function user(t: ExecutionContext<unknown>, configs: Record<string, string>) {
  const root = await plant(await temporary(t), { 'source/a': 'new', 'in/a': 'old', 'other/a': 'old' })
  const home = await plant(join(root, 'home'), configs)
  if (process.platform !== 'win32') await chmod(home, 0o700)
  const command = (...args: string[]) => new Command(t, args, { env: { SLUICE_HOME: home }, cwd: root })
  /** Receives `a`. */
  const receive = async (...args: string[]) => {
    const receiver = command('receive', '--plain', '--once', '--yes', ...args)
    const sent = await command('send', 'source/a', '--to', await receiver.line(), '--json').ended
    t.is(sent.code, 0, sent.err)
    return receiver.ended
  }
  return { root, home, command, receive }
}

test('what the configuration says is the default, and the command line wins', async (t) => {
  const root = await temporary(t)
  const dir = join(root, 'in')
  await plant(dir, { a: 'old' })
  const config = { dir, conflict: 'overwrite', retry: 3, hash: 'sha256', limit: 5_000_000, names: 'portable' }
  const { receive, root: cwd } = await user(t, { 'config.json': JSON.stringify(config) })
  const { code, err } = await receive()
  t.is(code, 0, err)
  t.is(await readFile(join(dir, 'a'), 'utf8'), 'new')
  t.is((await receive('--dir', 'other', '--conflict', 'rename')).code, 0)
  t.deepEqual((await readdir(join(cwd, 'other'))).sort(), ['a', 'a_1'])
})

test('YAML is read as well; an empty file says nothing', async (t) => {
  const { root, receive, home } = await user(t, { 'config.yaml': '# none yet\n' })
  t.is((await receive('--dir', 'in')).code, 0)
  t.deepEqual((await readdir(join(root, 'in'))).sort(), ['a', 'a_1'])
  await writeFile(join(home, 'config.yaml'), 'conflict: skip\nunless: nothing\n')
  t.is((await receive('--dir', 'other')).code, 0)
  t.is(await readFile(join(root, 'other', 'a'), 'utf8'), 'old')
  t.deepEqual(await readdir(join(root, 'other')), ['a'])
})

test('a value takes effect on what is sent, too', async (t) => {
  const { command, home } = await user(t, { 'config.json': '{"hash": "md17"}' })
  const sent = await command('send', 'source/a', '--dry-run').ended
  t.is(sent.code, 2)
  t.regex(sent.err, /md17/)
  t.is((await command('send', 'source/a', '--dry-run', '--hash', 'blake3').ended).code, 0)
  // a sender that waits has nothing to try again
  await writeFile(join(home, 'config.json'), '{"retry": 3}')
  t.is((await command('send', 'source/a', '--dry-run').ended).code, 0)
})

test('a configuration that is wrong, or that others can write, is refused with its name', async (t) => {
  for (const [configs, exit, message] of [
    [{ 'config.json': '{"dri": "/x"}' }, 1, /config\.json does not match its schema: .*dri/],
    [{ 'config.json': '{"conflict": "ask"}' }, 1, /config\.json does not match its schema: \/conflict/],
    [{ 'config.json': '{' }, 1, /config\.json/],
    [{ 'config.json': '{"dir": "in"}' }, 2, /config\.json: dir must be an absolute path, not in/],
    [
      { 'config.json': '{}', 'config.yml': '' },
      2,
      /two configurations, .*config\.json and .*config\.yml; keep one/,
    ],
  ] as const) {
    const { command } = await user(t, configs)
    const { code, out, err } = await command('receive', '--plain').ended
    t.deepEqual([code, out], [exit, ''], err)
    t.regex(err, message)
  }
  if (process.platform === 'win32') return
  const { command, home } = await user(t, { 'config.json': '{}' })
  await chmod(join(home, 'config.json'), 0o666)
  const { code, err } = await command('receive', '--plain').ended
  t.is(code, 8)
  t.regex(err, /config\.json is not used: others can write to it \(mode 666\)/)
})
