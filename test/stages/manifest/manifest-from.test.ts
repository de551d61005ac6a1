import test from 'ava'
import type { SluiceError } from '../../../lib/errors.js'
import { manifestOfEntries } from '../../../lib/stages/manifest/manifest-from.js'
import { memorySources } from '../../../lib/stores/memory-sources.js'
import type { SourceEntry, SourceStore } from '../../../lib/stores/sources.js'

const store: SourceStore = { rereadable: () => true, open: () => Promise.reject(new Error('not asked for')) }
const NAME = { name: 'x' }

test('entries that are no files make an offer, in the order in which they come', (t) => {
  const entries: SourceEntry[] = [
    { type: 'directory', path: 'rows', mode: 0o700, mtime: 5.9 },
    { path: 'rows/b', size: 3 },
    { path: 'rows/a', size: 0, mtime: -1, mode: 0o600 },
    { type: 'symlink', path: 'latest', target: 'rows/b' },
    { path: 'last', size: null },
  ]
  const before = Date.now()
  const { offer, skipped, store: own } = manifestOfEntries(entries, store, { ...NAME, algorithm: 'blake3' })
  t.like(offer, { name: 'x', algorithm: 'blake3', first: 0, position: 0, bytes: 3 })
  t.deepEqual(skipped, [])
  t.is(own, store)
  t.like(offer.entries, [
    { index: 0, type: 'directory', path: 'rows', size: 0, start: 0, mode: 0o700, mtime: 5 },
    { index: 1, type: 'file', path: 'rows/b', size: 3, start: 0, mode: null },
    { index: 2, type: 'file', path: 'rows/a', size: 0, start: 3, mode: 0o600, mtime: -1 },
    { index: 3, type: 'symlink', path: 'latest', size: 0, start: 3, mode: null, target: 'rows/b' },
    { index: 4, type: 'file', path: 'last', size: null, start: 3, mode: null },
  ])
  t.true(offer.entries[1]!.mtime >= before)
})

test('it may be attached to an offer, and may be empty', (t) => {
  const first = manifestOfEntries([{ path: 'a', size: 3 }], store, { ...NAME, open: true })
  const next = manifestOfEntries([{ path: 'b', size: 1 }], store, { ...NAME, after: first.offer })
  t.like(next.offer, { id: first.offer.id, first: 1, position: 3, bytes: 1 })
  t.deepEqual(manifestOfEntries([], store, NAME).offer.entries, [])
})

test('what the offer before has named cannot be attached again', (t) => {
  const before: SourceEntry[] = [
    { path: 'y', size: 3 },
    { path: 'folder/in it', size: 1 },
  ]
  const after = manifestOfEntries(before, store, { ...NAME, open: true }).offer
  const attach = (entry: SourceEntry) => () => manifestOfEntries([entry], store, { ...NAME, after })
  t.throws(attach({ path: 'y', size: 1 }), { code: 'ERR_DUPLICATE_NAME', message: /y is there twice/ })
  t.throws(attach({ path: 'y/below', size: 1 }), { code: 'ERR_USAGE', message: /below a file/ })
  t.throws(attach({ path: 'folder', size: 1 }), { code: 'ERR_USAGE', message: /below a file/ })
  t.notThrows(attach({ path: 'folder/more', size: 1 }))
  t.notThrows(attach({ path: 'folder', type: 'directory' }))
})

test('an entry that cannot be offered is refused, by name', (t) => {
  const wrong: [entries: unknown[], code: string, message: RegExp][] = [
    [[{ path: 'a' }], 'ERR_USAGE', /a has no size; .*null/],
    [[{ path: 'a', size: -1 }], 'ERR_USAGE', /size of the entry a must be a whole number .* not -1$/],
    [[{ path: 'a', size: 1.5 }], 'ERR_USAGE', /not 1\.5$/],
    [[{ path: 'a', size: '1' }], 'ERR_USAGE', /not "1"$/],
    [[{ path: 'a', size: 1n }], 'ERR_USAGE', /not 1n$/],
    [[{ path: 'a', size: Promise.resolve(1) }], 'ERR_USAGE', /not a promise, which was not awaited$/],
    [[{ path: 'a', size: 1, mode: '644' }], 'ERR_USAGE', /mode of the entry a .* not "644"$/],
    [[{ path: 'a', size: 1, mtime: '1' }], 'ERR_USAGE', /mtime .* not "1"$/],
    [[{ path: 'a', size: 1, mtime: 1n }], 'ERR_USAGE', /not 1n$/],
    [[{ path: 'a', size: 1, mtime: new Date(1) }], 'ERR_USAGE', /not an object of the class Date$/],
    [
      [
        { path: 'a', size: null },
        { path: 'b', size: 1 },
      ],
      'ERR_USAGE',
      /a has no size, but is not the last/,
    ],
    [[{ path: 'a', size: 1, mode: 0o1000 }], 'ERR_USAGE', /mode/],
    [[{ path: 'a', size: 1, mtime: Number.NaN }], 'ERR_USAGE', /mtime .* not NaN$/],
    [[{ path: 'a', size: 1, target: 'b' }], 'ERR_USAGE', /target/],
    [[{ path: 'a', size: 1, type: 'pipe' }], 'ERR_USAGE', /type .* not "pipe"$/],
    [[{ path: 'a', type: 'directory', size: 1 }], 'ERR_USAGE', /size .* must be 0, or left out, .* not 1$/],
    [[{ path: 'a', type: 'symlink' }], 'ERR_USAGE', /target/],
    [[{ path: 'a', type: 'symlink', target: '' }], 'ERR_USAGE', /target/],
    [[{ path: 5, size: 1 }], 'ERR_USAGE', /each entry must be an object with a path/],
    [[{ path: 'a', sise: 1 }], 'ERR_USAGE', /unknown name "sise" in the entry a; did you mean size\?$/],
    [[{ path: '../a', size: 1 }], 'ERR_PATH', /./],
    [[{ path: '/a', size: 1 }], 'ERR_PATH', /./],
    [[{ path: '', size: 1 }], 'ERR_PATH', /./],
    [
      [
        { path: 'a', size: 1 },
        { path: 'a', size: 1 },
      ],
      'ERR_DUPLICATE_NAME',
      /a is there twice/,
    ],
    [
      [
        { path: 'a/b', size: 1 },
        { path: 'a', size: 1 },
      ],
      'ERR_USAGE',
      /a\/b is below a file/,
    ],
    [
      [
        { path: 'a', size: Number.MAX_SAFE_INTEGER },
        { path: 'b', size: 1 },
      ],
      'ERR_LIMIT',
      /2\^53/,
    ],
  ]
  for (const [entries, code, message] of wrong)
    t.throws(
      () => manifestOfEntries(entries as SourceEntry[], store, NAME),
      { code, message },
      String(message),
    )
})

test('limits count, and options are checked', (t) => {
  const entries = [
    { path: 'a', size: 1 },
    { path: 'b', size: 1 },
  ]
  t.throws(() => manifestOfEntries(entries, store, { ...NAME, limits: { entries: 1 } }), {
    code: 'ERR_LIMIT',
  })
  t.notThrows(() => manifestOfEntries(entries, store, { ...NAME, limits: { entries: 2 } }))
  t.throws(() => manifestOfEntries(5 as never, store, NAME), { code: 'ERR_USAGE', message: /iterable/ })
  for (const bad of [undefined, {}, { rereadable: () => true }, { open() {} }])
    t.throws(() => manifestOfEntries(entries, bad as never, NAME), { code: 'ERR_USAGE', message: /store/ })
  for (const name of ['', 'x'.repeat(256), undefined])
    t.throws(() => manifestOfEntries(entries, store, { name: name as string }), { code: 'ERR_USAGE' })
})

test('what is in memory makes entries: texts as UTF-8, null as folders', (t) => {
  const sources = memorySources(
    new Map<string, string | Buffer | null>([
      ['d', null],
      ['d/text', 'näh'],
      ['bytes', Buffer.alloc(5)],
    ]),
  )
  t.deepEqual(sources.entries, [
    { type: 'directory', path: 'd' },
    { path: 'd/text', size: 4 },
    { path: 'bytes', size: 5 },
  ])
})

test('what rereadable of a store throws is the cause of an error of ours, which names the entry', (t) => {
  const mine = new Error('mine')
  const failing: SourceStore = {
    ...store,
    rereadable: () => {
      throw mine
    },
  }
  const error = t.throws<SluiceError>(() => manifestOfEntries([{ path: 'a', size: 3 }], failing, NAME))
  t.like(error, { code: 'ERR_SOURCE_READ', message: 'rereadable() failed for a: mine', cause: mine })
})
