// npm run bench [-- --quick] [--runs 5] [--only large,small,memory,delay,profile,atomic] [--dir FOLDER]
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { compareAtomic } from './atomic.js'
import { makeLarge, makeSmall, warm } from './data.js'
import { compareDelay } from './delay.js'
import { compareMemory } from './memory.js'
import { benchOptions } from './options.js'
import { profile } from './profile.js'
import { rsyncVersion } from './rsync.js'
import { compareSpeed, contenders } from './speed.js'

const { quick, rounds, parts, dir } = optionsOrExit()
const GIB = 1 << 30

const scratch = mkdtempSync(join(dir, 'sluice-bench-'))
const source = join(scratch, 'source')
const log = (line: string) => process.stderr.write(`${line}\n`)
const print = (text: string) => process.stdout.write(`${text}\n`)

process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

mkdirSync(source)
print(
  `Node ${process.versions.node}, ${process.platform}, ${cpus().length} processors, ${Math.round(totalmem() / 1e9)} GB, ${rounds} rounds`,
)

if (parts.has('large') || parts.has('small')) {
  const rsync = rsyncVersion()
  print('missing' in rsync ? rsync.missing : `rsync ${rsync.version}`)
  const all = contenders(scratch, 'version' in rsync)
  for (const what of ['large', 'small'] as const) {
    if (!parts.has(what)) continue
    const { folder, title } = make(what)
    print(`\n### ${title}\n\n${await compareSpeed(folder, scratch, all, rounds, log)}`)
    rmSync(folder, { recursive: true })
  }
}
if (parts.has('memory')) {
  print(
    `\n### Memory\n\n${await compareMemory(source, scratch, ['blake3', 'blake3, command line'], quick, log)}`,
  )
}
if (parts.has('delay')) {
  print(
    `\n### Event-loop delay\n\n${await compareDelay(source, scratch, ['tar', 'blake3', 'sha256'], ['blake3, 200 ms per write'], quick, log)}`,
  )
}
if (parts.has('profile')) {
  for (const what of ['large', 'small'] as const) {
    const { folder, title } = make(what)
    print(`\n### Where the time goes: ${title}\n\n${await profile('blake3', folder, scratch)}`)
    rmSync(folder, { recursive: true })
  }
}
if (parts.has('atomic')) {
  print(`\n### Atomic writes\n\n${await compareAtomic(scratch, rounds, quick, log)}`)
}

/** The data of the two main cases, in the page cache. */
function make(what: 'large' | 'small') {
  const folder = join(source, what)
  if (what === 'small') {
    const count = quick ? 1000 : 10_000
    makeSmall(folder, count, () => 4096)
    return { folder, title: `${count} files of 4 KiB` }
  }
  const bytes = quick ? GIB / 8 : GIB
  makeLarge(folder, bytes)
  for (const name of readdirSync(folder)) warm(join(folder, name))
  return { folder, title: `One file of ${bytes / 2 ** 20} MiB` }
}

/** Wrong use is one line, and exit 2. */
function optionsOrExit() {
  try {
    return benchOptions(process.argv.slice(2), tmpdir())
  } catch (error) {
    process.stderr.write(`bench: ${(error as Error).message}\n`)
    process.exit(2)
  }
}
