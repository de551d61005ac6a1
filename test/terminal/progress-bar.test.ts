import { readFile } from 'node:fs/promises'
import { Writable } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import test from 'ava'
import { FileTransaction, writeFileAtomic } from '../../lib/files/index.js'
import { progressBar } from '../../lib/terminal/progress-bar.js'
import { MemoryDisk } from '../../lib/testing/disk/memory-disk.js'
import { FakeClock } from '../../lib/testing/fake-clock.js'

/** A terminal, or none, that keeps what was written to it. */
function screen({ isTTY = true, columns = 80 } = {}) {
  const written: string[] = []
  const stream = new Writable({
    write(chunk, _encoding, callback) {
      written.push(`${chunk}`)
      callback()
    },
  })
  Object.assign(stream, { isTTY, columns, rows: 24 })
  const lines = () =>
    stripVTControlCharacters(written.join(''))
      .split(/[\r\n]+/)
      .filter(Boolean)
  return { stream: stream as unknown as NodeJS.WriteStream, written, lines }
}

const CONTENT = Buffer.alloc(16 * 1024 * 1024)

function disk(): MemoryDisk {
  const fs = new MemoryDisk()
  fs.putFolder('/d')
  return fs
}

test('a long write says its total, and the bar shows it', async (t) => {
  const fs = disk()
  const seen: [number, number | undefined][] = []
  await writeFileAtomic('/d/a', CONTENT, { fs, progress: (...said) => seen.push(said) })
  t.deepEqual(
    seen,
    [4, 8, 12, 16].map((mebibytes) => [mebibytes * 1024 * 1024, CONTENT.length]),
  )
  const { stream, lines } = screen()
  const clock = new FakeClock()
  const bar = progressBar({ name: 'a', stream, clock })
  await writeFileAtomic('/d/a', CONTENT, {
    fs,
    progress: (...said) => {
      bar.progress(...said)
      clock.advance(1000)
    },
  })
  bar.stop()
  t.deepEqual(lines(), [
    'a  [#####...............]  4.19 MB of 16.8 MB',
    'a  [##########..........]  8.39 MB of 16.8 MB',
    'a  [###############.....]  12.6 MB of 16.8 MB',
    'a  [####################]  16.8 MB of 16.8 MB',
  ])
})

test('content in pieces has no total unless that is said', async (t) => {
  const fs = disk()
  const seen: [number, number | undefined][] = []
  const progress = (...said: [number, number | undefined]) => seen.push(said)
  await writeFileAtomic('/d/a', [Buffer.alloc(20_000), Buffer.alloc(30_000)], { fs, progress })
  await writeFileAtomic('/d/a', [Buffer.alloc(20_000), Buffer.alloc(30_000)], { fs, progress, total: 50_000 })
  t.deepEqual(seen, [
    [20_000, undefined],
    [50_000, undefined],
    [20_000, 50_000],
    [50_000, 50_000],
  ])
  await t.throwsAsync(writeFileAtomic('/d/a', '', { fs, total: -1 }), { code: 'ERR_USAGE' })
  const { stream, lines } = screen()
  using bar = progressBar({ stream })
  bar.progress(20_000)
  t.deepEqual(lines(), ['20 kB'])
})

test('a transaction shows its files, and is drawn no more often than it can be read, but for the end', async (t) => {
  const { stream, lines } = screen()
  const clock = new FakeClock()
  const bar = progressBar({ name: 'release', stream, clock })
  const transaction = await FileTransaction.begin('/d', { fs: disk(), progress: bar.progress })
  for (const name of ['a', 'b', 'c', 'd']) await transaction.write(name, 'x')
  await transaction.commit()
  bar.stop()
  t.is(lines().at(-1), 'release  [####################]  applying 4/4 files  4 B')
  t.true(lines().every((line) => line.startsWith('release  [')))
})

test('what was not drawn yet is drawn at the end; where the terminal is narrow, without the bar', async (t) => {
  const { stream, lines } = screen({ columns: 30 })
  const bar = progressBar({ name: 'a name', stream, clock: new FakeClock() })
  for (const bytes of [1, 2, 3]) bar.progress(bytes, 10)
  bar.stop()
  t.deepEqual(lines(), ['a name  1 B of 10 B', 'a name  3 B of 10 B'])
})

test('without a terminal nothing is drawn', async (t) => {
  const { stream, written } = screen({ isTTY: false })
  using bar = progressBar({ stream })
  bar.progress(5, 10)
  bar.progress(10, 10)
  t.deepEqual(written, [])
  t.throws(() => progressBar({ name: 5 as never }), { code: 'ERR_USAGE' })
})

test('users import it as sluice/terminal, as one bundle: what it draws with is not installed with the library', async (t) => {
  const bundle: { progressBar: typeof progressBar } = await import('sluice/terminal' as string)
  const { stream, lines } = screen()
  const bar = bundle.progressBar({ stream })
  bar.progress(1, 2)
  bar.stop()
  t.is(lines()[0], '[##########..........]  1 B of 2 B')
  const entry = await readFile(new URL('../../bin/terminal.js', import.meta.url), 'utf8')
  t.notRegex(entry, /from ["'](log-update|pretty-bytes)["']|import\(["'](log-update|pretty-bytes)["']\)/)
})
