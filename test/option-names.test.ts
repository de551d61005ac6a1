import { Readable, Transform } from 'node:stream'
import test from 'ava'
import * as files from '../lib/files/index.js'
import * as main from '../lib/index.js'
import { checkKeys } from '../lib/options.js'
import * as peers from '../lib/peers/index.js'
import * as terminal from '../lib/terminal/progress-bar.js'
import * as testing from '../lib/testing/index.js'

// In JavaScript nobody but the library notices that an option is misspelt. Every exported function that takes options
// stands here, with one of them written wrongly.

/** Options as a program without types writes them. */
// biome-ignore lint/suspicious/noExplicitAny: any function of the library takes them
type Given = any

/** A misspelt option, what it was meant to be, and the call that has it. */
type Misspelt = [wrong: string, meant: string, call: (given: Given) => unknown]

const fs = new testing.MemoryDisk()
fs.putFolder('/d')
fs.put('/d/a.json', '{}')
const key = Buffer.alloc(32)
const end = () => testing.duplexPair()[0]
const transfers = new main.Transfers({ receive: () => ({ dir: '/d', accept: 'all' }) })
const manifest = () => main.manifestFrom(Readable.from([]), { name: 'x' })
const tree = await files.Tree.open('/d', { fs })
const folder = await tree.folder('')
const transaction = await files.FileTransaction.begin('/d', { fs })
const trail = await files.AuditTrail.open('/d/trail', { fs })
const part = await files.PartFile.open('/d/part', { fs })
const me = { publicKey: Buffer.alloc(32), secretKey: Buffer.alloc(64) }
const listener = { addresses: ['127.0.0.1:1'], publicKey: Buffer.alloc(32) }
const many = { input: () => [], many: () => [] }
const expected = () => []

const MISSPELT: Record<string, Misspelt[]> = {
  send: [
    ['gitIgnore', 'gitignore', (given) => main.send(end(), ['x'], given)],
    ['wires', 'wire', (stages) => main.send(end(), ['x'], { stages })],
    ['entires', 'entries', (limits) => main.send(end(), ['x'], { limits })],
    ['attempt', 'attempts', (retry) => main.send(end(), ['x'], { retry })],
  ],
  receive: [
    ['conflcit', 'conflict', (given) => main.receive(end(), { dir: 'x', accept: 'all', ...given })],
    ['wires', 'wire', (stages) => main.receive(end(), { dir: 'x', accept: 'all', stages })],
  ],
  FileQuota: [['fiels', 'files', (given) => new main.FileQuota({ file: 'f', of: 'x', ...given })]],
  Transfers: [
    ['patients', 'patience', (given) => new main.Transfers({ receive: () => ({}), ...given })],
    ['haed', 'head', (given) => transfers.handle(end(), given)],
    ['per', 'peer', (given) => transfers.handle(end(), given)],
    ['stat', 'state', (given) => transfers.list(given)],
    ['isnext', 'isNext', (given) => transfers.handle(end(), given)],
  ],
  watch: [['quite', 'quiet', (given) => main.watch(end(), ['x'], given)]],
  Watch: [['quite', 'quiet', (given) => new main.Watch(end(), ['x'], given)]],
  receiveSeries: [
    [
      'version',
      'versions',
      (given) => main.receiveSeries(end(), { dir: 'x', accept: 'all', ...given }).next(),
    ],
  ],
  manifestOf: [['symlink', 'symlinks', (given) => main.manifestOf(['x'], given)]],
  manifestFrom: [
    ['algorithn', 'algorithm', (given) => main.manifestFrom(Readable.from([]), { name: 'x', ...given })],
  ],
  manifestOfEntries: [
    [
      'limit',
      'limits',
      (given) => main.manifestOfEntries([], main.memorySources(new Map()), { name: 'x', ...given }),
    ],
  ],
  fileSource: [['maxrun', 'maxRun', (given) => main.fileSource(manifest(), given)]],
  FileSource: [['maxrun', 'maxRun', (given) => new main.FileSource(manifest(), given)]],
  progressTap: [['intervall', 'interval', (given) => main.progressTap(() => {}, given)]],
  framer: [['maxframe', 'maxFrame', (given) => main.framer(given)]],
  throttle: [['clok', 'clock', (given) => main.throttle({ rate: 1, ...given })]],
  limitRate: [['clok', 'clock', (given) => main.limitRate({ rate: 1, ...given })]],
  compression: [['algoritm', 'algorithm', (given) => main.compression(given)]],
  gzip: [['levle', 'level', (given) => main.gzip(given)]],
  gunzip: [['maxRate', 'maxRatio', (given) => main.gunzip(given)]],
  encryption: [['kee', 'key', (given) => main.encryption({ key, ...given })]],
  encrypt: [['keys', 'key', (given) => main.encrypt({ key, ...given })]],
  decrypt: [['keys', 'key', (given) => main.decrypt({ key, ...given })]],
  outgoingOf: [
    ['outgoin', 'outgoing', (given) => main.outgoingOf({ outgoing: () => new Transform(), ...given })],
  ],
  incomingOf: [
    ['incomming', 'incoming', (given) => main.incomingOf({ incoming: () => new Transform(), ...given })],
  ],
  deframer: [['ontalk', 'onTalk', (given) => main.deframer(given)]],
  demuxer: [['platfrom', 'platform', (given) => main.demuxer(given)]],
  verifier: [['fail', 'failed', (given) => main.verifier(given)]],
  partSink: [['durabilty', 'durability', (given) => main.partSink({ dir: 'x', ...given })]],
  finalizer: [['unles', 'unless', (given) => main.finalizer(given)]],
  checkPath: [['name', 'names', (given) => main.checkPath('x', given)]],
  PartFile: [
    ['expect', 'expected', (given) => files.PartFile.open('/d/b', { fs, ...given })],
    ['offst', 'offset', (prefix) => files.PartFile.open('/d/b', { fs, prefix })],
    ['seel', 'seal', (given) => part.write(0, key, given)],
    ['conflicts', 'conflict', (given) => part.complete(given)],
  ],
  writeFileAtomic: [
    ['durabilty', 'durability', (given) => files.writeFileAtomic('/d/b', '', given)],
    ['attempt', 'attempts', (retry) => files.writeFileAtomic('/d/b', '', { retry })],
  ],
  writeJson: [['back', 'backup', (given) => files.writeJson('/d/b', 1, given)]],
  writeYaml: [['indet', 'indent', (given) => files.writeYaml('/d/b', 1, given)]],
  writeConfig: [['shema', 'schema', (given) => files.writeConfig('/d/b.json', 1, given)]],
  createAtomicWriteStream: [
    ['highWatermark', 'highWaterMark', (given) => files.createAtomicWriteStream('/d/b', given)],
  ],
  AtomicFile: [['signl', 'signal', (given) => files.AtomicFile.open('/d/b', given)]],
  readFileRetry: [['maxbytes', 'maxBytes', (given) => files.readFileRetry('/d/a.json', { fs, ...given })]],
  readJson: [['defaults', 'default', (given) => files.readJson('/d/a.json', { fs, ...given })]],
  readYaml: [['schemas', 'schema', (given) => files.readYaml('/d/a.json', { fs, ...given })]],
  readConfig: [['attempt', 'attempts', (given) => files.readConfig('/d/a.json', { fs, ...given })]],
  checkFile: [
    ['minsize', 'minSize', (given) => files.checkFile('/d/a.json', { fs, ...given })],
    ['algoritm', 'algorithm', (digest) => files.checkFile('/d/a.json', { fs, digest })],
  ],
  renameAtomic: [['conflicts', 'conflict', (given) => files.renameAtomic('/d/a.json', '/d/b', given)]],
  updateJson: [['inital', 'initial', (given) => files.updateJson('/d/a.json', () => 1, { fs, ...given })]],
  updateYaml: [['timeOut', 'timeout', (given) => files.updateYaml('/d/a.json', () => 1, { fs, ...given })]],
  mergeConfig: [
    ['array', 'arrays', (given) => files.mergeConfig(['/d/a.json'], '/d/b.json', { fs, ...given })],
    [
      'optionel',
      'optional',
      (given) => files.mergeConfig([{ path: '/d/a.json', ...given }], '/d/b.json', { fs }),
    ],
  ],
  rotateFile: [['minsize', 'minSize', (given) => files.rotateFile('/d/a.json', { fs, ...given })]],
  removeBackups: [['olderthan', 'olderThan', (given) => files.removeBackups('/d', { fs, ...given })]],
  removeOrphans: [['dryrun', 'dryRun', (given) => files.removeOrphans('/d', { fs, ...given })]],
  restoreBackup: [['wich', 'which', (given) => files.restoreBackup('/d/a.json', { fs, ...given })]],
  makeBackup: [['powr', 'power', (given) => files.makeBackup(fs, folder, 'a.json', { time: 0, ...given })]],
  encodeValue: [['ident', 'indent', (given) => files.encodeValue('json', 1, given)]],
  makeFileSystem: [['blockin', 'blocking', (given) => files.makeFileSystem(given)]],
  temporaryName: [['prefx', 'prefix', (given) => files.temporaryName(given)]],
  tempPath: [['dirs', 'dir', (given) => files.tempPath('/d/a', given)]],
  publish: [
    [
      'isthere',
      'isThere',
      (given) => files.publish(fs, folder, 'a', 'b', { conflict: 'fail', durability: 'crash', ...given }),
    ],
  ],
  unfinishedTransfers: [['wiat', 'wait', (given) => files.unfinishedTransfers('/d', { fs, ...given })]],
  collectLeftovers: [['dryrun', 'dryRun', (given) => files.collectLeftovers(tree, given)]],
  Tree: [['creat', 'create', (given) => files.Tree.open('/d', { fs, ...given })]],
  FolderLock: [
    ['timeOut', 'timeout', (given) => files.FolderLock.acquire('/d', { fs, ...given })],
    ['modes', 'mode', (given) => files.FolderLock.tryAcquire('/d', { fs, ...given })],
  ],
  FileTransaction: [
    ['unfinishd', 'unfinished', (given) => files.FileTransaction.begin('/d', { fs, ...given })],
    ['timeOut', 'timeout', (lock) => files.FileTransaction.begin('/d', { fs, lock })],
    ['schem', 'schema', (given) => transaction.write('b', '', given)],
    ['indet', 'indent', (given) => transaction.writeJson('b', 1, given)],
    ['indet', 'indent', (given) => transaction.writeYaml('b', 1, given)],
    ['schem', 'schema', (given) => transaction.copy('a.json', 'b.json', given)],
    ['recursiv', 'recursive', (given) => transaction.delete('a.json', given)],
  ],
  recoverTransactions: [
    ['orphan', 'orphans', (given) => files.recoverTransactions('/d', { fs, ...given })],
    ['timeOut', 'timeout', (lock) => files.recoverTransactions('/d', { fs, lock })],
  ],
  RecoveryManager: [
    ['attempt', 'attempts', (given) => files.RecoveryManager.open('/d', { fs, ...given })],
    ['timeOut', 'timeout', (lock) => files.RecoveryManager.open('/d', { fs, lock })],
  ],
  AuditTrail: [
    ['maxbytes', 'maxBytes', (given) => files.AuditTrail.open('/d/t', { fs, ...given })],
    ['lest', 'last', (given) => trail.table(given)],
    ['ontorn', 'onTorn', (given) => trail.read(given)],
  ],
  readAudit: [
    ['ontorn', 'onTorn', (given) => files.readAudit('/d/t', given)],
    ['onPassedover', 'onPassedOver', (given) => files.readAudit('/d/t', given)],
  ],
  fileOperations: [
    ['durabilty', 'durability', (given) => files.fileOperations(given)],
    ['durabilty', 'durability', (given) => files.fileOperations({ fs }).writeJson('/d/b', 1, given)],
    ['encodin', 'encoding', (given) => files.fileOperations({ fs }).createAtomicWriteStream('/d/b', given)],
    ['unfinishd', 'unfinished', (given) => files.fileOperations({ fs }).transaction('/d', given)],
    ['attempt', 'attempts', (given) => files.fileOperations({ fs }).recovery('/d', given)],
    ['modes', 'mode', (given) => files.fileOperations({ fs }).tryLock('/d', given)],
  ],
  batch: [['durabilty', 'durability', (given) => files.batch('x', () => {}, given)]],
  MemoryDisk: [
    ['capcity', 'capacity', (given) => new testing.MemoryDisk(given)],
    ['nht', 'nth', (given) => fs.fail({ call: 'open', error: 'EIO', ...given })],
  ],
  FakeClock: [['autos', 'auto', (given) => new testing.FakeClock(given)]],
  duplexPair: [
    ['fort', 'forth', (given) => testing.duplexPair(given)],
    ['delays', 'delay', (forth) => testing.duplexPair({ forth })],
  ],
  connectorConformance: [
    ['connection', 'connections', (given) => testing.connectorConformance(() => ({}) as never, given)],
  ],
  duplexConformance: [['bond', 'bound', (given) => testing.duplexConformance(() => [end(), end()], given)]],
  partStoreConformance: [
    ['patient', 'patience', (given) => testing.partStoreConformance(() => ({}) as never, given)],
  ],
  sourceStoreConformance: [
    ['opened', 'open', (given) => testing.sourceStoreConformance(() => ({}) as never, given)],
  ],
  readableConformance: [
    [
      'bond',
      'bound',
      (given) => testing.readableConformance(() => Readable.from([]), { expected, many: end, ...given }),
    ],
  ],
  writableConformance: [
    ['chek', 'check', (given) => testing.writableConformance(end, { ...many, ...given })],
  ],
  transformConformance: [
    [
      'inversed',
      'inverse',
      (given) => testing.transformConformance(() => new Transform(), { ...many, expected, ...given }),
    ],
  ],
  wireStageConformance: [
    [
      'badOption',
      'badOptions',
      (given) => testing.wireStageConformance(() => main.throttle({ rate: 1 }), given),
    ],
  ],
  identity: [['hme', 'home', (given) => peers.identity({ home: '/d/home', fs, ...given })]],
  existingIdentity: [['hme', 'home', (given) => peers.existingIdentity({ home: '/d/home', fs, ...given })]],
  KnownPeers: [['hme', 'home', (given) => new peers.KnownPeers(given)]],
  makeTicket: [['adresses', 'addresses', (given) => peers.makeTicket(given)]],
  makeReceipt: [['algoritm', 'algorithm', (given) => peers.makeReceipt(me, given)]],
  verifyReceipt: [['sgnal', 'signal', (given) => peers.verifyReceipt({} as never, '/d', given).next()]],
  connect: [['conectors', 'connectors', (given) => peers.connect(listener, { identity: me, ...given })]],
  announce: [['onWarnings', 'onWarning', (given) => peers.announce(key, ['127.0.0.1:1'], given)]],
  findPeer: [['timeOut', 'timeout', (given) => peers.findPeer(key, { onFound: () => {}, ...given })]],
  connectByName: [['conectors', 'connectors', (given) => peers.connectByName({ identity: me, ...given })]],
  listen: [['adresses', 'addresses', (given) => peers.listen({ identity: me, ...given })]],
  Invitations: [
    ['tris', 'tries', (given) => new peers.Invitations(given)],
    ['mny', 'many', (given) => new peers.Invitations().issue(given)],
  ],
  Gate: [['perAdress', 'perAddress', (given) => new peers.Gate(given)]],
  secure: [
    ['secrt', 'secret', (given) => peers.secure(end(), { as: 'dialler', identity: me, key, ...given })],
    ['admitt', 'admit', (given) => peers.secure(end(), { as: 'listener', identity: me, ...given })],
  ],
  tcp: [['lookup', 'lookUp', (given) => peers.tcp(given)]],
  websocket: [['sever', 'server', (given) => peers.websocket(given)]],
  command: [['online', 'onLine', (given) => peers.command('x', given)]],
  progressBar: [['nam', 'name', (given) => terminal.progressBar(given)]],
}

/** Exported functions and classes that take no options, or are given the parts of their own work. */
const WITHOUT = new Set(
  `AtomicWriteStream Folder HandleBudget Plan Rate SluiceError SystemError auditTable checkSchema chunkSize counter createDigest
  cutsOf decodeText diskError digestLength digestOf encodeText errorCode flushing foldName formatOf getDefaultAudit
  hashTap isSluiceError listBackups mapCuts memoryParts memorySources openRegular outcomesOf ownerOfTemporary
  parseBackupName parseText partName piecesOf prepareDigest printable pruneBackups publishByPolicy randomBySeed
  PublishedVersions randomContent randomPieces readError readFully readHistory recoverPublish recoverReplaced removeTree runOf sameInode sameItems
  sampleItems setDefaultAudit sourceError suffixed summarizeAudit swapPairs syncOpenFolder tap writeFully connectorFor decodeTicket encodeTicket
  fingerprint home isKey isSignedBy isTicket parseKey readReceipt receiptFiles showKey signed stdio unix`.split(
    /\s+/,
  ),
)

test('each exported function stands here, with a misspelt option if it takes any', (t) => {
  const exported = Object.entries({ ...main, ...files, ...testing, ...terminal, ...peers })
  const functions = exported.flatMap(([name, value]) => (typeof value === 'function' ? [name] : []))
  t.deepEqual(functions.sort(), [...Object.keys(MISSPELT), ...WITHOUT].sort())
})

for (const [name, calls] of Object.entries(MISSPELT)) {
  test(`${name} refuses a misspelt option, with the name that was meant`, async (t) => {
    for (const [wrong, meant, call] of calls) {
      const { message } = await t.throwsAsync(
        async () => call({ [wrong]: 1 }),
        { code: 'ERR_USAGE' },
        `${call}`,
      )
      t.regex(message, new RegExp(`^unknown name "${wrong}" in .*; did you mean ${meant}\\?$`))
    }
  })
}

test('what is like no name of an option is refused with all of them', async (t) => {
  // half of its letters are others
  t.throws(() => checkKeys('options', { filter: 1 } as Given, { after: true, name: true }), {
    message: 'unknown name "filter" in options; it may be one of after, name',
  })
  const { message } = t.throws(() => main.gzip({ compress: true } as Given), { code: 'ERR_USAGE' })
  t.is(message, 'unknown name "compress" in options; it may be one of level')
})

test('the nearest name is meant: a letter changed, missing, too many, or swapped with the next', (t) => {
  const known = { durability: true, destination: true, duration: true } as const
  const meantBy = (wrong: string) =>
    /did you mean (\w+)\?/.exec(
      t.throws(() => checkKeys('options', { [wrong]: 1 } as Given, known)).message,
    )?.[1]
  for (const wrong of ['durabilty', 'durabbility', 'durabilitz', 'udrability', 'durabilti', 'Durability'])
    t.is(meantBy(wrong), 'durability', wrong)
  t.is(meantBy('durationn'), 'duration')
  t.is(meantBy('dest'), undefined)
  t.is(meantBy(''), undefined)
})
