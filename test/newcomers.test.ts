// What is handed over wrongly at the first try, in a program without types, is named, with what it must be.
import { once } from 'node:events'
import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Duplex, PassThrough, Transform } from 'node:stream'
import test from 'ava'
import * as files from '../lib/files/index.js'
import * as main from '../lib/index.js'
import * as testing from '../lib/testing/index.js'

/** Whatever a program without types gives. */
// biome-ignore lint/suspicious/noExplicitAny: any function of the library takes it
type Given = any

const none: Given = undefined
const end = () => testing.duplexPair()[0]
const store = main.memorySources(new Map())
const entriesOf = (...entries: Given[]) => main.manifestOfEntries(entries, store, { name: 'x' })
const stagesOf = (...file: Given[]) =>
  main.receive(end(), { store: main.memoryParts(), accept: 'all', stages: { file } })

const WRONG: [call: () => unknown, message: RegExp][] = [
  [
    () => main.receive(end(), { accept: 'all' }),
    /^dir must be the path of a folder, unless store is given, not und/,
  ],
  [() => main.receive(end(), none), /^options must be an object, not undefined/],
  [() => main.partSink(none), /^options must be an object, not undefined/],
  [() => main.encryption(none), /^options must be an object, not undefined/],
  [
    () => stagesOf(new PassThrough()),
    /^stages.file\[0\] must be a function that makes a Transform.*not an object of the class PassThrough$/,
  ],
  [
    () => stagesOf(class Upper extends Transform {}),
    /^stages.file\[0\] must be a function.*not the class Upper$/,
  ],
  [() => stagesOf(() => new PassThrough(), 'x'), /^stages.file\[1\] must be a function/],
  [() => entriesOf(null), /^each entry must be an object with a path.*not null/],
  [() => entriesOf('a.txt'), /^each entry must be an object with a path.*not "a.txt"/],
  [() => entriesOf({ size: 1 }), /^each entry must be an object with a path/],
  [() => entriesOf({ path: 'a', size: '3' }), /^the size of the entry a must be .*, not "3"$/],
  [
    () => main.fileSource(Promise.resolve() as Given),
    /^manifest must be .*not a promise, which was not awaited$/,
  ],
  [() => main.partSink({ dir: new URL('file:///d') as Given }), /^dir must be .*, not the URL file:\/\/\/d$/],
  [() => main.partSink({ dir: Buffer.from('/d') as Given }), /^dir must be .*, not a Buffer of 2 bytes$/],
  [() => main.throttle({ rate: '3' as Given }), /^rate must be .*, not "3"$/],
  [() => main.throttle({ rate: 3n as Given }), /^rate must be .*, not 3n$/],
  [() => main.mapCuts(class Foo {} as Given), /^change must be a function, not the class Foo$/],
  [() => main.manifestOfEntries([], store, none), /^options must be an object/],
  [() => main.manifestFrom(new PassThrough(), none), /^options must be an object/],
  [() => main.memorySources({ a: 'x' } as Given), /^contents must be a Map/],
  [
    () => main.memorySources(new Map([['a', 5 as Given]])),
    /^the content of a must be a text, bytes, or null/,
  ],
  [() => testing.transformConformance(() => new PassThrough(), none), /^options must be an object/],
  [() => testing.wireStageConformance(main.throttle({ rate: 1 }) as Given), /^make must be a function/],
  [() => files.listBackups('/d' as Given, 'a'), /^fs must be a file system, such as nodeFileSystem/],
  [() => files.collectLeftovers('/d' as Given), /^tree must be an open Tree/],
]
for (const [call, message] of WRONG)
  test(`it is named what is wrong in ${call}`, async (t) => {
    await t.throwsAsync(async () => call(), { code: 'ERR_USAGE', message })
  })

test('a request or a response of HTTP is no connection: its socket is', async (t) => {
  const server = createServer((_request, response) => void response.end()).listen(0)
  t.teardown(() => server.close())
  const asked = get({ port: (server.address() as AddressInfo).port })
  const [[request, response], [answer]] = (await Promise.all([
    once(server, 'request'),
    once(asked, 'response'),
  ])) as [unknown[], [IncomingMessage]]
  for (const given of [request, response, answer] as Duplex[]) {
    const message = /a duplex stream of bytes: the socket of this request or response, on an upgrade/
    t.throws(() => main.receive(given, { dir: 'x', accept: 'all' }), { code: 'ERR_USAGE', message })
    t.throws(() => main.send(given, ['x']), { code: 'ERR_USAGE', message })
  }
  answer.resume()
  await once(answer, 'close')
})

test('the backups of a folder that is missing, or is a file, are no raw error of the system', async (t) => {
  const fs = new testing.MemoryDisk()
  fs.put('/file', '')
  for (const path of ['/none', '/file'])
    await t.throwsAsync(files.listBackups(fs, path), {
      code: 'ERR_WRITE',
      message: new RegExp(`backups in ${path}`),
    })
})

test('a suite says what its maker must give', async (t) => {
  const suites: [testing.ConformanceCase[], RegExp][] = [
    [testing.partStoreConformance(main.memoryParts as Given), /what make gives must be a place/],
    [testing.sourceStoreConformance(() => store as Given), /what make gives must be a sample/],
    [
      testing.duplexConformance(() => new PassThrough() as Given),
      /what connect gives must be a list of both ends/,
    ],
  ]
  for (const [[first], message] of suites)
    await t.throwsAsync(first!.run(), { name: 'AssertionError', message })
})
