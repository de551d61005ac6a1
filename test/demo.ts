// npm run demo [-- FOLDER]
//
// Sends a folder (the installed node_modules, unless another one is named) from one process to another over a real
// socket, with the command that users have, and then compares every file with the source by reading both with
// node:fs alone: names, kinds, every byte, permission bits and times. Exits with 0 if nothing differs, else with 1.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { CliEvent } from '../lib/cli/ui/events.js'
import { sameTree } from './helpers/same-tree.js'

const COMMAND = fileURLToPath(new URL('../bin/sluice.js', import.meta.url))
/** Fewer would not show much; a folder that the user names may be smaller. */
const LEAST_FILES = 2000
/** Milliseconds between two lines of progress. */
const INTERVAL = 500

const named = process.argv[2]
/** Tools write into it while they run. */
const except = named === undefined ? '.cache' : undefined
const source = realpathSync(named ?? 'node_modules')
const scratch = mkdtempSync(join(tmpdir(), 'sluice-demo-'))
const children: ChildProcess[] = []

const say = (text: string) => process.stdout.write(`${text}\n`)

function start(args: readonly string[], stderr: 'inherit' | 'pipe'): ChildProcess {
  const child = spawn(process.execPath, [COMMAND, ...args], { stdio: ['ignore', 'pipe', stderr] })
  children.push(child)
  return child
}

/** Ends what is left of us: the children by their process ids, and the temporary folder. */
async function tidy(): Promise<void> {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  rmSync(scratch, { recursive: true, force: true })
}

/** Shows the events of a sender while it runs: a line now and then, so that it also suits a log. */
async function follow(sender: ChildProcess): Promise<void> {
  let shown = performance.now()
  let last: CliEvent | undefined
  let links = 0
  const show = (event: CliEvent & { event: 'progress' }) => {
    const { files, totalFiles, bytes, totalBytes } = event
    say(`  ${files} of ${totalFiles} entries, ${megabytes(bytes)} of ${megabytes(totalBytes ?? bytes)}`)
  }
  for await (const line of createInterface(sender.stdout!)) {
    const event = JSON.parse(line) as CliEvent
    if (event.event === 'warning') {
      if (event.code === 'ERR_SKIPPED') links++
      else say(`  warning: ${event.message}`)
    }
    if (event.event !== 'progress') continue
    last = event
    if (performance.now() - shown < INTERVAL) continue
    shown = performance.now()
    show(event)
  }
  if (last?.event === 'progress') show(last)
  if (links > 0) say(`  ${links} symbolic links were left out, and reported`)
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`

async function demo(): Promise<boolean> {
  const dir = join(scratch, 'received')
  const receiver = start(
    ['receive', '--plain', '--yes', '--once', '--dir', dir, '--listen', '127.0.0.1:0'],
    'pipe',
  )
  const complaints: Buffer[] = []
  receiver.stderr!.on('data', (chunk: Buffer) => complaints.push(chunk))
  const received = once(receiver, 'exit')
  const lines = createInterface(receiver.stdout!)
  // the first line is what a sender needs; no line at all means that the process has ended
  const [address] = await Promise.race([once(lines, 'line'), received.then(() => [undefined])])
  if (typeof address !== 'string') {
    say(`the receiver did not start:\n${Buffer.concat(complaints)}`)
    return false
  }
  say(`process ${receiver.pid} receives into ${dir} at ${address}`)

  const began = performance.now()
  const sender = start(
    ['send', source, '--to', address, '--json', ...(except ? ['--exclude', except] : [])],
    'inherit',
  )
  say(`process ${sender.pid} sends ${source}`)
  const sent = once(sender, 'exit')
  await follow(sender)
  const codes = [(await sent)[0], (await received)[0]]
  const seconds = (performance.now() - began) / 1000
  if (codes.some((code) => code !== 0)) {
    say(`the sender ended with ${codes[0]}, the receiver with ${codes[1]}:\n${Buffer.concat(complaints)}`)
    return false
  }

  say('comparing every file with its source, without Sluice')
  const target = join(dir, basename(source))
  const found = sameTree(source, target, { modes: true, times: true, links: 'skip', except })
  for (const difference of found.differences) say(`  ${difference}`)
  const enough = named !== undefined || found.files >= LEAST_FILES
  if (!enough) say(`  only ${found.files} files: run npm ci first`)
  const ok = enough && found.differences.length === 0
  const { files, folders, links, bytes } = found
  say(
    `${ok ? 'equal' : 'FAILED'}: ${files} files and ${folders} folders, ${bytes} bytes in ${seconds.toFixed(1)} s` +
      ` (${(bytes / seconds / 1e6).toFixed(0)} MB/s); bytes, modes and times compared; ${links} links not sent`,
  )
  return ok
}

if (!existsSync(COMMAND)) throw new Error('the command is not built; npm run demo builds it')
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => tidy().then(() => process.exit(1)))
try {
  process.exitCode = (await demo()) ? 0 : 1
} finally {
  await tidy()
}
