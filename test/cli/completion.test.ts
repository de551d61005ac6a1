import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { KnownPeers } from '../../lib/peers/known-peers.js'
import { MAIN, run } from '../helpers/command.js'
import { plant, temporary } from '../helpers/folders.js'

/** How a shell is run with the script, and asked what may stand where the last word is. */
const SHELLS = {
  bash: {
    // as bash itself calls it, but for the words, which bash also parts at =
    ask: (words: string[]) => `. ./script
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
[[ $(complete -p sluice) == *'-F _sluice sluice' ]] && _sluice && printf '%s\\n' "\${COMPREPLY[@]}"`,
    args: ['--norc', '--noprofile', '-c'],
  },
  zsh: {
    // what only works while somebody types is replaced: how the offers are shown
    ask: (words: string[]) => `compdef() { print -r -- >/dev/null }
offered() { local one; for one; do [[ $one == "$PREFIX"* ]] && print -r -- "$one"; done }
compadd() { if [[ $1 == -a ]]; then offered "\${(@P)2}"; else shift; offered "$@"; fi }
compset() { PREFIX=\${PREFIX#*=} }
_describe() { local -a all=("\${(@P)argv[-1]}"); offered "\${all[@]//:*/}" }
_files() { offered *(N) }
. ./script
words=(${words.map((word) => `'${word}'`).join(' ')}); CURRENT=${words.length}; PREFIX=\${words[-1]}
_sluice`,
    args: ['-f', '-c'],
  },
  fish: {
    ask: (words: string[]) =>
      `source ./script; complete -C '${words.join(' ')}' | string replace -r '\\t.*' ''`,
    args: ['--no-config', '-c'],
  },
} as const

type Shell = keyof typeof SHELLS

/** Asks a shell what may follow; undefined where there is no such shell. */
async function asking(t: ExecutionContext<unknown>, shell: Shell) {
  if (spawnSync(shell, ['-c', 'true']).error) return undefined
  const cwd = await plant(await temporary(t), { 'photo.jpg': '', 'photos/x': '' })
  const bin = join(cwd, '.bin')
  await mkdir(bin)
  await writeFile(join(bin, 'sluice'), `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`)
  await chmod(join(bin, 'sluice'), 0o755)
  const home = join(cwd, '.home')
  const env = { ...process.env, SLUICE_HOME: home, PATH: `${bin}${delimiter}${process.env.PATH}`, HOME: cwd }
  const peers = new KnownPeers({ home })
  for (const [n, name] of ['anna', 'anton', "$(touch hit) o'k", 'bert'].entries())
    await peers.add({ name, key: new Uint8Array(32).fill(n + 1), addresses: [] })
  const { out, code, err } = await run(t, 'completion', shell)
  t.deepEqual([code, err], [0, ''])
  await writeFile(join(cwd, 'script'), out)
  const ask = (...words: string[]) => {
    const { ask, args } = SHELLS[shell]
    const { stdout, stderr } = spawnSync(shell, [...args, ask(['sluice', ...words])], {
      cwd,
      env,
      encoding: 'utf8',
    })
    t.is(stderr, '', words.join(' '))
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .sort()
  }
  return { cwd, ask }
}

for (const shell of Object.keys(SHELLS) as Shell[])
  test(`${shell} completes commands, options, their words, and names of peers`, async (t) => {
    const asked = await asking(t, shell)
    if (!asked) return t.pass(`no ${shell} here`)
    const { ask, cwd } = asked
    t.deepEqual(ask('re'), ['receive', 'recover'])
    t.deepEqual(ask('peers', ''), ['add', 'help', 'list', 'remove', 'set'])
    t.deepEqual(ask('send', '--re'), ['--relative', '--remember', '--retry'])
    t.deepEqual(ask('receive', 'anna', '--dur'), ['--durability'])
    t.deepEqual(ask('receive', '--durability', ''), ['crash', 'power'])
    t.deepEqual(ask('completion', ''), ['bash', 'fish', 'zsh'])
    // before the command, too; and what follows an option is no command
    t.deepEqual(ask('--log', 'send', 'peers', 're'), ['remove'])
    t.deepEqual(ask('--verb'), ['--verbose'])
    for (const words of [
      ['send', '--to'],
      ['receive'],
      ['receive', '--allow'],
      ['peers', 'remove'],
      ['peers', 'set'],
    ])
      t.deepEqual(ask(...words, 'an'), ['anna', 'anton'], words.join(' '))
    // a name is a word, whatever is in it
    t.is(ask('send', 'photos', '--to', '').length, 4)
    t.false(existsSync(join(cwd, 'hit')))
  })

for (const shell of ['zsh', 'fish'] as const)
  test(`${shell} completes paths where a path is expected`, async (t) => {
    const asked = await asking(t, shell)
    if (!asked) return t.pass(`no ${shell} here`)
    const { ask } = asked
    const named = (words: string[]) => words.map((word) => word.replace(/\/$/, ''))
    t.deepEqual(named(ask('send', 'ph')), ['photo.jpg', 'photos'])
    t.deepEqual(named(ask('receive', '--dir', 'photos')), ['photos'])
    t.deepEqual(ask('peers', 'list', 'ph'), [])
    t.deepEqual(ask('send', '--limit', 'ph'), [])
  })

test('bash leaves paths to its own completion, as it says that it has none', async (t) => {
  const asked = await asking(t, 'bash')
  if (!asked) return t.pass('no bash here')
  const { ask } = asked
  for (const words of [['send'], ['receive', '--dir'], ['--log']]) t.deepEqual(ask(...words, 'ph'), [])
  // --to=an comes as three words
  t.deepEqual(ask('send', '--to', '=', 'an'), ['anna', 'anton'])
})

test('every option and every command of the help is in each script', async (t) => {
  const { out } = await run(t, 'send', '--help')
  const options = Array.from(out.matchAll(/^ {2}(?:-\w, )?--([a-z-]+)/gm), ([, name]) => name!)
  t.true(options.length > 15, options.join())
  for (const shell of Object.keys(SHELLS)) {
    const script = (await run(t, 'completion', shell)).out
    for (const name of options) t.regex(script, new RegExp(`(?:--|-l )${name}\\b`), `${shell} ${name}`)
  }
  const { code, err } = await run(t, 'completion', 'csh')
  t.is(code, 2)
  t.regex(err, /^sluice: .*'csh' is invalid.*bash, zsh, fish/)
})
