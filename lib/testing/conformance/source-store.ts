import { type Code, isSluiceError } from '../../errors.js'
import { fileSource } from '../../stages/file-source.js'
import type { Item } from '../../stages/river/items.js'
import type { OpenSource, SourceStore } from '../../stores/sources.js'
import type { Entry } from '../../wire/entry.js'
import { cutsOf } from '../../wire/run.js'
import { checkSuite } from './harness/check-suite.js'
import {
  type ConformanceCase,
  type ConformanceOptions,
  closeCame,
  ensure,
  fail,
  framed,
  within,
} from './harness/probe.js'
import { Sample, type SourceSample } from './source-sample.js'

export type { SourceSample } from './source-sample.js'

const PATIENCE = 10_000

/**
 * The properties of every store of sources, each as a case for any test runner.
 * @param make called for each case anew
 */
export function sourceStoreConformance(
  make: () => SourceSample | Promise<SourceSample>,
  options: ConformanceOptions = {},
): ConformanceCase[] {
  checkSuite('make', make, options)
  const patience = options.patience ?? PATIENCE
  const withSample = (act: (sample: Sample) => Promise<void>) => async () => {
    const sample = new Sample(await make())
    await within(patience, 'the case', act(sample))
    await sample.store.close?.()
  }
  const cases: ConformanceCase[] = [
    { name: 'what is rereadable is opened, what is not is a stream', run: withSample(kinds) },
    { name: 'each file has its bytes, and no more', run: withSample(whole) },
    { name: 'a file can be read from any offset, again, and by several at once', run: withSample(anywhere) },
    { name: 'a read beyond the end fails with ERR_SOURCE_CHANGED', run: withSample(beyond) },
    { name: 'readRun reads small files behind each other', run: withSample(together) },
    { name: 'an entry that it does not have is refused', run: withSample(unknown) },
    { name: 'a file that was changed since it was listed is refused', run: withSample(changedBefore) },
    { name: 'a file that is changed while it is open is noticed', run: withSample(changedWhileOpen) },
    { name: 'a file that was removed fails, and the others do not', run: withSample(removed) },
    { name: 'a whole transfer gives every file', run: withSample(transferred) },
    { name: 'a transfer that is destroyed leaves nothing open', run: withSample(destroyed) },
    {
      name: 'it may be closed twice, and a stream that nobody read is closed with it',
      run: withSample(closedTwice),
    },
  ]
  return framed(cases, options)
}

async function kinds({ store, files }: Sample): Promise<void> {
  for (const entry of files) {
    const rereadable = store.rereadable(entry)
    const how = rereadable ? 'open' : 'stream'
    ensure(typeof store[how] === 'function', `${entry.path} needs ${how}(), which the store does not have`)
    ensure(store.rereadable(entry) === rereadable, `rereadable() of ${entry.path} changes`)
    ensure(entry.size !== null || !rereadable, `${entry.path} has no size, so that it can only be a stream`)
  }
}

async function whole(sample: Sample): Promise<void> {
  for (const entry of sample.files) {
    const expected = sample.bytesOf(entry)
    const found = sample.store.rereadable(entry)
      ? await sample.with(entry, (source) => readWhole(source, entry.size!))
      : await streamed(sample.store, entry)
    same(found, expected, entry.path)
  }
}

async function readWhole(source: OpenSource, size: number): Promise<Buffer> {
  const buffer = Buffer.alloc(size, 0xee)
  await source.read(0, buffer)
  await source.verify()
  return buffer
}

async function streamed(store: SourceStore, entry: Entry): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of await store.stream!(entry)) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

async function anywhere(sample: Sample): Promise<void> {
  const entry = sample.largest
  if (entry === undefined) return
  const expected = sample.bytesOf(entry)
  const { length } = expected
  const ranges = [
    [length - 1, length],
    [0, 1],
    [Math.floor(length / 2), length],
    [1, length - 1],
    [0, length],
  ] as const
  const sources = await Promise.all([sample.open(entry), sample.open(entry)])
  try {
    for (const [start, end] of ranges) {
      for (const source of sources) {
        const around = Buffer.alloc(end - start + 2, 0xee)
        await source.read(start, around.subarray(1, -1))
        same(around.subarray(1, -1), expected.subarray(start, end), `${entry.path} from ${start}`)
        ensure(around[0] === 0xee && around.at(-1) === 0xee, `read() wrote beyond the buffer it was given`)
      }
    }
    await sources[0].verify()
  } finally {
    for (const source of sources) await source.close()
  }
  await sample.with(entry, (source) => source.verify())
}

async function beyond(sample: Sample): Promise<void> {
  for (const entry of sample.rereadable) {
    const read = (source: OpenSource) => source.read(0, Buffer.alloc(entry.size! + 1))
    await refuses(sample.with(entry, read), `a read beyond the end of ${entry.path}`, 'ERR_SOURCE_CHANGED')
  }
}

async function together(sample: Sample): Promise<void> {
  const { store, rereadable, signal } = sample
  if (!store.readRun) return
  for (const files of [rereadable, [...rereadable].reverse(), rereadable.slice(0, 1)]) {
    const expected = Buffer.concat(files.map((entry) => sample.bytesOf(entry)))
    const buffer = Buffer.alloc(expected.length, 0xee)
    const failures = await store.readRun(files, buffer, signal)
    for (const error of failures.values()) throw error
    same(buffer, expected, 'a run of files')
  }
}

async function unknown(sample: Sample): Promise<void> {
  const { store, files, signal } = sample
  const entry: Entry = { ...files.at(-1)!, index: 2 ** 40, path: 'there is no such entry' }
  if (store.rereadable(entry)) {
    await refuses(sample.open(entry), 'open() of an entry that it does not have')
    const failures = await store.readRun?.([entry], Buffer.alloc(entry.size!), signal)
    ensure(failures === undefined || failures.has(entry.index), 'readRun() of an entry that it does not have')
  }
}

async function changedBefore(sample: Sample): Promise<void> {
  const { given, largest } = sample
  if (!given.change || !largest) return
  await given.change(largest.path)
  await refuses(sample.open(largest), 'open() of a file that was changed', 'ERR_SOURCE_CHANGED')
  await onlyFails(sample, largest)
}

async function onlyFails(sample: Sample, failing: Entry): Promise<void> {
  const { store, rereadable: files, signal } = sample
  for (const entry of files) {
    if (entry === failing) continue
    same(
      await sample.with(entry, (source) => readWhole(source, entry.size!)),
      sample.bytesOf(entry),
      entry.path,
    )
  }
  if (!store.readRun) return
  const buffer = Buffer.alloc(files.reduce((sum, { size }) => sum + size!, 0))
  const failures = await store.readRun(files, buffer, signal)
  const [index] = failures.keys()
  ensure(failures.size === 1 && index === failing.index, `readRun() must fail ${failing.path}, and only that`)
  ensure(
    isSluiceError(failures.get(index), 'ERR_SOURCE_CHANGED'),
    'readRun() must fail it with ERR_SOURCE_CHANGED',
  )
  let at = 0
  for (const entry of files) {
    if (entry !== failing) same(buffer.subarray(at, at + entry.size!), sample.bytesOf(entry), entry.path)
    at += entry.size!
  }
}

async function changedWhileOpen(sample: Sample): Promise<void> {
  const { given, largest } = sample
  if (!given.change || !largest) return
  const { path, size } = largest
  const act = async (source: OpenSource) => {
    await source.read(0, Buffer.alloc(1))
    await given.change!(path)
    await readWhole(source, size!)
  }
  await refuses(
    sample.with(largest, act),
    `what was read of ${path} while it was changed`,
    'ERR_SOURCE_CHANGED',
  )
}

async function removed(sample: Sample): Promise<void> {
  const { given, largest } = sample
  if (!given.remove || !largest) return
  await given.remove(largest.path)
  await refuses(sample.open(largest), 'open() of a file that was removed', 'ERR_SOURCE_CHANGED')
  await onlyFails(sample, largest)
}

async function transferred(sample: Sample): Promise<void> {
  const found = new Map<string, Buffer[]>()
  const onFailure = (error: Error) => {
    throw error
  }
  for await (const item of fileSource(sample.manifest, { onFailure }) as AsyncIterable<Item>) {
    if (item.kind !== 'run') continue
    for (const { entry, bytes } of cutsOf(item)) {
      const chunks = found.get(entry.path) ?? []
      found.set(entry.path, [...chunks, bytes])
    }
  }
  for (const entry of sample.files)
    same(Buffer.concat(found.get(entry.path) ?? []), sample.bytesOf(entry), entry.path)
}

async function destroyed({ manifest }: Sample): Promise<void> {
  for (let items = 0; items < 3; items++) {
    const source = fileSource(manifest)
    let left = items
    if (items > 0) for await (const _ of source) if (--left === 0) break
    source.destroy()
    await closeCame(source)
  }
}

async function closedTwice({ store, files }: Sample): Promise<void> {
  const once = files.find((entry) => !store.rereadable(entry))
  const stream = once && (await store.stream!(once))
  await store.close?.()
  await store.close?.()
  if (stream) await closeCame(stream)
}

function same(found: Buffer, expected: Buffer, what: string): void {
  if (found.equals(expected)) return
  const at = found.findIndex((byte, i) => byte !== expected[i])
  fail(`${what}: ${found.length} bytes instead of ${expected.length}, or other ones from ${at}`)
}

async function refuses(promise: Promise<unknown>, what: string, code?: Code): Promise<void> {
  const error = await promise.then(
    () => fail(`${what} was not refused`),
    (error: unknown) => error,
  )
  ensure(code === undefined || isSluiceError(error, code), `${what} must fail with ${code}, not ${error}`)
}
