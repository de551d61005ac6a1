import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import test, { type ExecutionContext } from 'ava'
import { MAIN } from '../helpers/command.js'
import { plant, temporary } from '../helpers/folders.js'

/** Runs a line of `sh` in a folder with a file `w` and a folder `s`; `$S` is the command. */
async function shell(t: ExecutionContext<unknown>, line: string) {
  const cwd = await plant(await temporary(t), { w: 'precious', 's/a': '1' })
  const S = `${process.execPath} ${MAIN}`
  const child = spawn('sh', ['-c', line], { cwd, env: { ...process.env, S, DEBUG: '' } })
  t.teardown(() => child.kill('SIGKILL'))
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code: code as number, out, err, kept: await readFile(join(cwd, 'w'), 'utf8').catch(() => null) }
}

// elsewhere there is no such shell
const posix = process.platform === 'win32' ? test.skip : test

for (const [line, exit, said] of [
  ['$S write w <&-', 1, /^sluice: standard input is closed; .*< FILE/],
  ['$S send - --name x --dry-run <&-', 1, /^sluice: standard input is closed/],
  ['$S pack - --name x >/dev/null <&-', 1, /^sluice: standard input is closed/],
  ['$S unpack --dir in <&-', 1, /^sluice: standard input is closed/],
  ['$S write w 0>>s/a', 1, /^sluice: standard input is open for writing only; add < FILE\n$/],
  ['$S send - --name x --to 127.0.0.1:1 0>>s/a', 1, /^sluice: standard input is open for writing only/],
  ['$S unpack --dir in 0>s/new', 1, /^sluice: standard input is open for writing only/],
  ['$S pack s >&-', 8, /^sluice: standard output is closed; .*> FILE/],
  ['$S send s --dry-run >&-', 8, /^sluice: standard output is closed/],
  ['$S receive --plain --dir in --yes >&-', 8, /^sluice: standard output is closed/],
  ['$S send s --to 127.0.0.1:1 --json >&-', 8, /^sluice: standard output is closed/],
  ['$S --help >&-', 8, /^sluice: standard output is closed/],
  ['$S send --help >&-', 8, /^sluice: standard output is closed/],
  ['$S --version >&-', 8, /^sluice: standard output is closed/],
] as const)
  posix(`a standard stream that is closed is an error: ${line}`, async (t) => {
    const { code, err, kept } = await shell(t, line)
    t.is(code, exit, err)
    t.regex(err, said)
    t.is(kept, 'precious')
  })

for (const [input, exit, said] of [
  ['echo hello', 7, /^sluice: standard input is not what sluice pack wrote; .*gunzip\n$/],
  ['$S pack s 2>/dev/null | gzip', 7, /^sluice: standard input is not what sluice pack wrote; .*gunzip\n$/],
  ['printf ""', 4, /^sluice: nothing came from standard input: the stream ended before its first byte\n$/],
] as const)
  posix(`a pipe has no peer that could be blamed: ${input} | $S unpack`, async (t) => {
    const { code, err } = await shell(t, `${input} | $S unpack --dir in`)
    t.is(code, exit, err)
    t.regex(err, said)
  })

posix('nothing as input, and nobody who reads, can be asked for', async (t) => {
  t.like(await shell(t, '$S write w </dev/null'), { code: 0, kept: '' })
  t.is((await shell(t, '$S pack s >/dev/null')).code, 0)
  t.is((await shell(t, '$S pack s 2>&- >/dev/null')).code, 0)
})

posix('without a working directory it is a wrong use, said in words', async (t) => {
  for (const command of ['send x --to 127.0.0.1:9', 'pack ../s', 'send . --dry-run']) {
    const { code, err } = await shell(t, `mkdir gone; cd gone; rmdir ../gone; $S ${command}`)
    t.is(code, 2, err)
    t.regex(
      err,
      /^sluice: \S+ leads nowhere: the folder that this process works in was removed; .*another folder\n$/,
    )
  }
})

posix('pack tells how much of a stream there was', async (t) => {
  const { code, err } = await shell(t, 'printf hello | $S pack - --name x >/dev/null')
  t.is(code, 0)
  t.is(err, '1 file packed (5 B)\n')
})
