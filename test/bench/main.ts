// npm run bench [-- --quick] [--runs 5] [--only large,small,memory,delay,profile] [--dir FOLDER]
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { makeLarge, makeSmall, warm } from './data.js'
import { rsyncVersion } from './rsync.js'
import { compareSpeed, contenders } from './speed.js'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    runs: { type: 'string' },
    only: { type: 'string', default: 'large,small,memory,delay,profile' },
    dir: { type: 'string', default: tmpdir() },
  },
})
const { quick } = values
const rounds = Number(values.runs ?? (quick ? 1 : 5))
const parts = new Set(values.only.split(','))
const GIB = 1 << 30

const scratch = mkdtempSync(join(values.dir, 'sluice-bench-'))
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
  if (parts.has('large')) {
    const folder = join(source, 'large')
    const bytes = quick ? GIB / 8 : GIB
    makeLarge(folder, bytes)
    for (const name of readdirSync(folder)) warm(join(folder, name))
    print(
      `\n### One file of ${bytes / 2 ** 20} MiB\n\n${await compareSpeed(folder, scratch, all, rounds, log)}`,
    )
    rmSync(folder, { recursive: true })
  }
  if (parts.has('small')) {
    const folder = join(source, 'small')
    const count = quick ? 1000 : 10_000
    makeSmall(folder, count, () => 4096)
    print(`\n### ${count} files of 4 KiB\n\n${await compareSpeed(folder, scratch, all, rounds, log)}`)
    rmSync(folder, { recursive: true })
  }
}
