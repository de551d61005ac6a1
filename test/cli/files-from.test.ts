import { spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { devNull } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import test, { type ExecutionContext } from 'ava'
import { pathsFrom } from '../../lib/cli/sending/files-from.js'
import type { Context } from '../../lib/cli/ui/context.js'
import { Command } from '../helpers/command.js'
import { plant, temporary } from '../helpers/folders.js'

/** `send --dry-run` in a folder, with a list on standard input. */
async function listed(t: ExecutionContext<unknown>, cwd: string, list: string | Buffer, ...args: string[]) {
  const sender = new Command(t, ['send', '--dry-run', ...args], { cwd, input: 'pipe' })
  sender.child.stdin!.on('error', () => {})
  sender.child.stdin!.end(list)
  const { code, out, err } = await sender.ended
  return { code, paths: out.split('\n'), err }
}

const planted = async (t: ExecutionContext<unknown>) =>
  plant(await temporary(t), {
    a: 'a',
    'sub/b': 'b',
    'sub/c': 'c',
    'two\nlines': 'd',
    ' space ': 'e',
    '-': 'f',
  })

test('paths in a list keep their folders, as do those that are given beside it', async (t) => {
  const cwd = await planted(t)
  const { code, paths, err } = await listed(
    t,
    cwd,
    'sub\r\n\n space \n-',
    'a',
    './sub/../sub/b',
    '--files-from',
    '-',
  )
  t.is(code, 0, err)
  t.deepEqual(paths, ['a', 'sub', 'sub/b', 'sub/c', ' space ', '-'])
  const some = await listed(t, cwd, `sub/c\n${cwd}/sub/b\nsub/c\n`, '--files-from', '-')
  t.deepEqual(some.paths, ['sub/c', `${cwd.slice(1)}/sub/b`])
  const given = await listed(t, cwd, '', 'sub/c', 'a', '--relative')
  t.deepEqual(given.paths, ['sub/c', 'a'])
})

test('paths that end with a byte of zero may hold a line break', async (t) => {
  const cwd = await planted(t)
  const { code, paths, err } = await listed(t, cwd, 'two\nlines\0a\0', '--files-from', '-', '--null')
  t.is(code, 0, err)
  t.deepEqual(paths, ['two\\nlines', 'a'])
  await plant(cwd, { list: 'sub/b\na\n' })
  const fromFile = await listed(t, cwd, '', '--files-from', 'list')
  t.deepEqual(fromFile.paths, ['sub/b', 'a'])
})

test('what is wrong with a list is said with its line', async (t) => {
  const cwd = await planted(t)
  const wrong: [string | Buffer, string[], RegExp][] = [
    [
      'a\n\nsub/none\u001b\n',
      [],
      /^sluice: --files-from: standard input, line 3: there is no sub\/none\\u\{1b\}$/m,
    ],
    ['a\0none', ['--null'], /standard input, path 2: there is no none$/m],
    ['a/b', [], /line 1: there is no a\/b$/m],
    ['a\0sub', [], /has a byte of zero in it: add --null/],
    ['\n\n', [], /standard input names nothing/],
    [Buffer.from([0xff, 0x0a]), [], /is no list: it is not UTF-8/],
  ]
  for (const [list, args, message] of wrong) {
    const { code, paths, err } = await listed(t, cwd, list, '--files-from', '-', ...args)
    t.deepEqual([code, paths], [2, ['']], `${list}`)
    t.regex(err, message)
  }
  for (const [args, message] of [
    [['a', '--null'], /--null is for --files-from/],
    [['--files-from', join(cwd, 'none')], /none/],
    [['-', '--name', 'x', '--files-from', '-'], /both what is sent and the list/],
  ] as const)
    t.regex((await listed(t, cwd, '', ...args)).err, message)
  const both = new Command(t, ['send', '--files-from', '-', '--to', '-'], { cwd })
  t.regex((await both.ended).err, /standard input cannot be both what is sent and where to/)
})

test('a list that never ends ends with the signal, and one that comes late is waited for', async (t) => {
  const cwd = await planted(t)
  const fd = openSync(devNull, 'r')
  t.teardown(() => closeSync(fd))
  const io = { stdin: Object.assign(new PassThrough(), { fd }) }
  const read = (filesFrom: string, signal: AbortSignal) =>
    pathsFrom({ filesFrom }, { io, signal, reporter: { inputIsSent: () => {} } } as unknown as Context)
  const ended = async (filesFrom: string) => {
    const stop = new AbortController()
    const reading = read(filesFrom, stop.signal)
    const reason = new Error('stopped')
    setImmediate(() => stop.abort(reason))
    t.is(await t.throwsAsync(reading), reason)
  }
  await ended('-')
  const pipe = join(cwd, 'pipe')
  if (process.platform === 'win32' || spawnSync('mkfifo', [pipe]).status !== 0) return
  await ended(pipe)
  const late = read(pipe, new AbortController().signal)
  await appendFile(pipe, `${join(cwd, 'a')}\n`)
  t.deepEqual(await late, [join(cwd, 'a')])
})
