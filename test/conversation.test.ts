// The conversation between two machines that README.md begins with, word for word, as two people at two terminals have
// it.
import { execFile } from 'node:child_process'
import { chmod, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { MAIN, ROOT } from './helpers/command.js'
import { listing, plant, temporary } from './helpers/folders.js'
import { Screen, screenFolder } from './helpers/screen.js'

/** What Ben sends: as many files and bytes as on the page. */
const PHOTOS = {
  'photos/beach.jpg': Buffer.alloc(1_400_000, 'b'),
  'photos/city.jpg': Buffer.alloc(900_000, 'c'),
  'photos/notes.pdf': Buffer.alloc(40_000, 'n'),
}

const COLUMNS = 200
const TICKET = /sluice1[a-z2-7]{100,}/

/** What is another one each time: tickets, fingerprints, folders, free space, rates. */
const VARYING: [RegExp, string][] = [
  [/sluice1[a-z2-7…]+/g, 'TICKET'],
  [/\b[a-z2-7]{4}(-[a-z2-7]{4}){4}\b/g, 'FINGERPRINT'],
  [/\/home\/\w+/g, 'HOME'],
  [/\([\d.]+ [kMGT]?B free\)/g, 'FREE'],
  [/, [\d.]+ [kMG]?B\/s/g, ''],
]

const comparable = (text: string) =>
  VARYING.reduce((all, [what, by]) => all.replaceAll(what, by), text.trimEnd())

/** The two parts of the conversation: the command of each, and what it shows. */
async function fromPage() {
  const page = await readFile(join(ROOT, 'README.md'), 'utf8')
  const [receiver, sender, ...others] = Array.from(
    page.matchAll(/^```console\n\$ (.*)\n([\s\S]*?)^```$/gm),
    ([, command, shown]) => ({ command: command!, shown: shown! }),
  )
  const install = /^npm install -g \S+/m.exec(page)?.[0]
  if (!receiver || !sender || others.length > 0 || !install)
    throw new Error('README.md has no conversation of two, or does not say how to install')
  return { receiver, sender, install }
}

/** Has the conversation with the `sluice` that is found in `bin`. */
async function converse(t: ExecutionContext<unknown>, bin: string): Promise<void> {
  const { receiver, sender } = await fromPage()
  const at = async (shell: string, cwd: string) => {
    const env = {
      PATH: `${bin}${delimiter}${process.env.PATH}`,
      SLUICE_HOME: join(await temporary(t), 'home'),
    }
    return Screen.of(t, [], { columns: COLUMNS, cwd, shell, main: '', env })
  }
  const [anna, ben] = [await screenFolder(t), await plant(await screenFolder(t), PHOTOS)]
  const receiving = await at(receiver.command, anna)
  await receiving.shows(/Ctrl-C stops/)
  const [ticket] = TICKET.exec(receiving.raw) ?? []
  const sending = await at(sender.command.replace(/sluice1\S+/, ticket!), ben)
  await receiving.shows(/Accept\?/)
  receiving.type('y\r')
  t.is(await sending.ended, 0)
  await receiving.shows(/waiting for the next/)
  t.is(comparable(receiving.text), comparable(receiver.shown))
  t.is(comparable(sending.text), comparable(sender.shown))
  t.deepEqual(await listing(join(anna, 'inbox')), await listing(ben))
}

test('two people have the conversation of README.md, word for word', async (t) => {
  const bin = await temporary(t)
  const sluice = join(bin, 'sluice')
  await writeFile(sluice, `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`)
  await chmod(sluice, 0o755)
  await converse(t, bin)
})

// SLUICE_TARBALL=/path/to/sluice-0.1.0.tgz npx ava dist/test/conversation.test.js
const tarball = process.env.SLUICE_TARBALL
if (tarball !== undefined)
  test('from the installation of a tarball to the files on the other side, with the seconds that it takes', async (t) => {
    const { install } = await fromPage()
    const [cwd, prefix] = [await temporary(t), await temporary(t)]
    await copyFile(tarball, join(cwd, basename(tarball)))
    await mkdir(join(prefix, 'lib'))
    const start = performance.now()
    const env = {
      ...process.env,
      npm_config_prefix: prefix,
      npm_config_audit: 'false',
      npm_config_fund: 'false',
    }
    await promisify(execFile)('/bin/sh', ['-c', install], { cwd, env })
    const installed = performance.now()
    await converse(t, join(prefix, 'bin'))
    const ended = performance.now()
    const seconds = (ms: number) => (ms / 1000).toFixed(1)
    // how fast the registry is decides: it is told, and no reason to fail
    t.log(`installed in ${seconds(installed - start)} s; files there after ${seconds(ended - start)} s`)
  })
