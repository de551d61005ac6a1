import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import { type Code, isSluiceError, type SluiceError } from '../../lib/errors.js'
import { deframer } from '../../lib/stages/deframer.js'
import { demuxer } from '../../lib/stages/demuxer.js'
import type { Offer } from '../../lib/wire/entry.js'
import { DEFAULT_LIMITS } from '../../lib/wire/limits.js'
import { ManifestReader } from '../../lib/wire/manifest.js'
import { decodeMessage, encodeMessage, type Message } from '../../lib/wire/messages.js'
import { checkPath, type PathRules } from '../../lib/wire/paths.js'
import { encodePreface } from '../../lib/wire/preface.js'
import { HOSTILE } from '../fixtures/hostile.js'
import type { HostileCase, ManifestInput } from '../fixtures/hostile-case.js'
import { closedBy, readOffers } from '../helpers/offer-messages.js'

type Of<K extends HostileCase['kind']> = HostileCase & { kind: K }

/** The code of the refusal; `undefined` if it is taken. Anything but an error of ours is thrown on. */
function refusal(act: () => unknown): Code | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    if (!isSluiceError(error)) throw error
    return error.code
  }
}

/** What a platform makes of a path: always refused, refused where it is interpreted, or taken. */
function fateOf(input: string): string {
  const refused = (rules: PathRules) => {
    const code = refusal(() => checkPath(input, rules))
    if (code !== undefined && code !== 'ERR_PATH') throw new Error(`refused with ${code}`)
    return code !== undefined
  }
  const here = refused({ platform: 'linux' })
  const elsewhere = [
    refused({ platform: 'win32' }),
    refused({ platform: 'linux', names: 'portable' }),
    refused({ platform: 'darwin', names: 'portable' }),
  ]
  if (refused({ platform: 'darwin' }) !== here || new Set(elsewhere).size > 1)
    return 'not the same everywhere'
  return here ? 'R' : elsewhere[0] ? 'P' : 'taken'
}

function read({ entries, end = {}, limits }: ManifestInput): Offer | undefined {
  const id = '0123456789abcdef0123456789abcdef'
  const head: Message = { type: 'offer', id, name: 'x', algorithm: 'sha256' }
  const reader = new ManifestReader({ ...DEFAULT_LIMITS, ...limits }, { platform: 'linux' })
  return readOffers(reader, closedBy(end, head, { type: 'entries', entries: [...entries] }))
}

async function unpack({ input }: Of<'stream'>): Promise<void> {
  const frames = input.map((part) => (Buffer.isBuffer(part) ? part : encodeMessage(part)))
  const sink = new Writable({ objectMode: true, write: (_item, _encoding, done) => done() })
  await pipeline(Readable.from([encodePreface([]), ...frames]), deframer(), demuxer(), sink)
}

for (const one of HOSTILE) {
  test(`HOSTILE-INPUT ${one.number}: ${one.name} is ${one.expect}`, async (t) => {
    switch (one.kind) {
      case 'path':
        return t.is(fateOf(one.input), one.expect)
      case 'message': {
        const payload = Buffer.from(one.input, 'hex')
        t.is(payload.length * 2, one.input.length, 'the case is hexadecimal')
        t.is(
          refusal(() => decodeMessage(one.frame, payload, DEFAULT_LIMITS)),
          one.code ?? 'ERR_PROTOCOL',
        )
        return t.is(({} as Record<string, unknown>).polluted, undefined)
      }
      case 'manifest':
        if (one.expect === 'mended') return t.like(read(one.input)?.entries, { ...one.as })
        return t.is(
          refusal(() => read(one.input)),
          one.code ?? 'ERR_PROTOCOL',
        )
      case 'stream': {
        const error = await t.throwsAsync<SluiceError>(unpack(one))
        return t.is(error.code, one.code ?? 'ERR_PROTOCOL')
      }
    }
  })
}

test('HOSTILE-INPUT 35: headers of 4 GiB are refused in constant memory', (t) => {
  const payloads = HOSTILE.filter(
    (one): one is Of<'message'> => one.kind === 'message' && one.number === 35,
  ).map(({ frame, input }) => ({ frame, payload: Buffer.from(input, 'hex') }))
  const before = process.memoryUsage()
  for (let i = 0; i < 2000; i++) {
    const { frame, payload } = payloads[i % payloads.length]!
    refusal(() => decodeMessage(frame, payload, DEFAULT_LIMITS))
  }
  const { arrayBuffers, external } = process.memoryUsage()
  t.true(arrayBuffers - before.arrayBuffers < 2 ** 20 && external - before.external < 2 ** 20)
})

test('HOSTILE-INPUT 9, 11, 12: a refusal shows the path escaped', (t) => {
  for (const path of ['/\u001b[31m\n', 'a\0b', '/\u202egpj.exe']) {
    const error = t.throws(() => checkPath(path), { code: 'ERR_PATH' })
    t.false(/[\p{Cc}\p{Cf}]/u.test(error!.message))
  }
})
