import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmod, lstat, mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import test, { type ExecutionContext } from 'ava'
import { randomContent } from '../../lib/testing/splits.js'
import { Command, MAIN } from '../helpers/command.js'
import { temporary } from '../helpers/folders.js'

async function setup(t: ExecutionContext<unknown>) {
  const dir = await temporary(t)
  const file = join(dir, 'file')
  await writeFile(file, 'old')
  const write = (input: string | Buffer, ...args: string[]) => {
    const command = new Command(t, ['write', ...args], { input: 'pipe' })
    command.child.stdin!.on('error', () => {}).end(input)
    return command.ended
  }
  return { dir, file, write }
}

test('standard input becomes the file, with its mode', async (t) => {
  const { dir, file, write } = await setup(t)
  await chmod(file, 0o640)
  const content = randomContent(2_000_000)
  const { code, out, err } = await write(content, file, '--verify')
  t.is(code, 0, err)
  t.is(out, '')
  t.regex(err, /^2 MB written to /)
  t.true((await readFile(file)).equals(content))
  if (process.platform !== 'win32') t.is((await lstat(file)).mode & 0o777, 0o640)
  t.is((await write('', join(dir, 'new'), '--mode', '600', '--durability', 'crash')).code, 0)
  const { size, mode } = await lstat(join(dir, 'new'))
  t.is(size, 0)
  if (process.platform !== 'win32') t.is(mode & 0o777, 0o600)
  t.deepEqual((await readdir(dir)).sort(), ['file', 'new'])
})

test('what was there is kept if that is asked for; with --json the result is one event', async (t) => {
  const { dir, file, write } = await setup(t)
  const { code, out, err } = await write('new', file, '--backup', '--json')
  t.is(code, 0, err)
  t.is(err, '')
  const { backup, ...event } = JSON.parse(out)
  const digest = createHash('sha256').update('new').digest('hex')
  t.deepEqual(event, { version: 1, event: 'written', path: file, bytes: 3, digest })
  t.is(await readFile(backup, 'utf8'), 'old')
  for (const text of ['3', '4']) t.is((await write(text, file, '--backup', '2')).code, 0)
  t.is((await readdir(dir)).length, 3)
})

test('a file that is there is left alone with --no-clobber', async (t) => {
  const { dir, file, write } = await setup(t)
  const { code, err } = await write('new', file, '--no-clobber')
  t.is(code, 1)
  t.regex(err, /^sluice: .*file is there already, and stays as it is with --no-clobber/)
  t.is((await write('old', file, '--no-clobber')).err, err)
  t.is((await write('new', join(dir, 'free'), '--no-clobber')).code, 0)
  t.is(await readFile(file, 'utf8'), 'old')
  t.deepEqual((await readdir(dir)).sort(), ['file', 'free'])
})

test('what is wrong in the command has exit status 2, what the disk refuses 8', async (t) => {
  const { dir, file, write } = await setup(t)
  const wrong = [
    ['--mode', '999'],
    ['--mode', '7777'],
    ['--backup', 'many'],
    ['--durability', 'no'],
    ['--none'],
  ]
  for (const args of wrong) t.is((await write('new', file, ...args)).code, 2, args.join(' '))
  await mkdir(join(dir, 'folder'))
  const { code, err } = await write('new', join(dir, 'folder'))
  t.is(code, 8)
  t.regex(err, /EISDIR/)
  t.is((await write('new', join(dir, 'none/file'))).code, 8)
  t.is(await readFile(file, 'utf8'), 'old')
})

test('stopped before the input has ended, the file is what it was, and nothing is left', async (t) => {
  const { dir, file } = await setup(t)
  const command = new Command(t, ['write', file], { input: 'pipe' })
  const { child } = command
  child.stdin!.on('error', () => {}).write(randomContent(300_000))
  // what is written shows that it has begun
  for (;;) {
    const [name] = (await readdir(dir)).filter((entry) => entry !== 'file')
    if (name !== undefined && (await lstat(join(dir, name))).size === 300_000) break
  }
  child.kill('SIGINT')
  const { code, err } = await command.ended
  t.is(code, 130)
  t.regex(err, /cancelled|stopped/)
  t.is(await readFile(file, 'utf8'), 'old')
  t.deepEqual(await readdir(dir), ['file'])
})

test('an input that cannot be read leaves the file as it was', async (t) => {
  const { dir, file } = await setup(t)
  // a folder, and memory that nobody has
  for (const input of [dir, ...(process.platform === 'linux' ? ['/proc/self/mem'] : [])]) {
    const handle = await open(input)
    const child = spawn(process.execPath, [MAIN, 'write', file], { stdio: [handle.fd, 'ignore', 'pipe'] })
    const [err, [code]] = await Promise.all([text(child.stderr!), once(child, 'close')])
    await handle.close()
    t.is(code, 1, input)
    t.regex(err, /^sluice: cannot read standard input/)
    t.is(await readFile(file, 'utf8'), 'old')
    t.deepEqual(await readdir(dir), ['file'])
  }
})
