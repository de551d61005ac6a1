import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { ROOT, run } from '../helpers/command.js'

/** The manual as people read it, in words; undefined where there is no groff. */
function rendered(source: string): string | undefined {
  const args = ['-man', '-Tutf8', '-ww', '-P-cbou', '-rHY=0', '-K', 'utf8']
  const { stdout, stderr, error } = spawnSync('groff', args, { input: source, encoding: 'utf8' })
  if (error) return undefined
  if (stderr !== '') throw new Error(stderr)
  return stdout.replaceAll('‐\n', '').replaceAll(/\s+/g, ' ')
}

/** The options in the help of a command, and the names of the commands below it. */
async function helpOf(t: Parameters<typeof run>[0], command: string[]) {
  const { out } = await run(t, ...command, '--help')
  const [options = '', commands = ''] = ['Options', 'Commands'].map((title) => {
    const from = out.indexOf(`\n${title}:\n`)
    return from === -1 ? '' : out.slice(from).split('\n\n')[0]!
  })
  return {
    options: Array.from(options.matchAll(/^ {2}(-.*?)(?: {2}|$)/gm), ([, flags]) => flags!),
    commands: Array.from(commands.matchAll(/^ {2}([a-z]+)/gm), ([, name]) => name!),
  }
}

test('the manual of the package is what the command prints', async (t) => {
  const { man, files } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'))
  const { out, code, err } = await run(t, 'manual')
  t.deepEqual([code, err], [0, ''])
  t.is(`${out}\n`, await readFile(join(ROOT, man), 'utf8'))
  t.true(files.includes('dist/man'))
})

test('every option of every command is in the manual, below the name of its command', async (t) => {
  const { out } = await run(t, 'manual')
  const parts = out.replaceAll('\\-', '-').split(/^\.S[SH] /m)
  const pages = new Map(parts.map((part) => [part.split('\n')[0]!, part]))
  const common = (await helpOf(t, [])).options
  t.deepEqual(
    common.map((flags) => pages.get('OPTIONS')!.includes(`.B ${flags}\n`)),
    common.map(() => true),
  )
  let count = 0
  const look = async (command: string[]): Promise<void> => {
    const { options, commands } = await helpOf(t, command)
    const below = commands.filter((name) => name !== 'help')
    for (const name of below) await look([...command, name])
    if (below.length > 0) return
    const page = pages.get(`sluice ${command.join(' ')}`)
    t.truthy(page, command.join(' '))
    for (const flags of options) {
      const isCommon = common.includes(flags)
      t.true(isCommon || page!.includes(`.B ${flags}\n`), `${command.join(' ')} ${flags}`)
      if (!isCommon) count++
    }
  }
  await look([])
  t.true(count > 40, `${count}`)
})

test('groff finds nothing wrong with the manual, and people read exit statuses and variables', async (t) => {
  const { out } = await run(t, 'manual')
  const text = rendered(out)
  if (text === undefined) return t.pass('no groff here')
  t.regex(text, /^SLUICE\(1\) .* NAME sluice - Moves files and folders over any stream;/)
  t.regex(text, / EXIT STATUS 0 all files are there/)
  t.regex(text, / 6 the peer could not be reached, or did not prove who it is /)
  for (const name of ['SLUICE_HOME', 'SLUICE_TICKET', 'NO_COLOR', 'DEBUG'])
    t.true(text.slice(text.indexOf(' ENVIRONMENT ')).includes(` ${name} `), name)
})
