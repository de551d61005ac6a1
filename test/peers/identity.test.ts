import { chmod, lstat, mkdir, readdir, readFile, rename, symlink, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { OPEN } from '../../lib/files/index.js'
import { home } from '../../lib/peers/home.js'
import { existingIdentity, identity, signed } from '../../lib/peers/identity.js'
import { isSignedBy } from '../../lib/peers/keys.js'
import { MemoryDisk } from '../../lib/testing/disk/memory-disk.js'
import { temporary } from '../helpers/folders.js'
import { giveTo } from '../helpers/users.js'

const HOME = '/home/anna/.config/sluice'
const FILE = `${HOME}/identity.json`

/** A disk on which an identity was made. */
async function madeDisk() {
  const fs = new MemoryDisk()
  fs.putFolder('/home')
  const made = await identity({ home: HOME, fs })
  return { fs, made }
}

async function setMode(fs: MemoryDisk, path: string, mode: number): Promise<void> {
  const fd = await fs.open(path, OPEN.anyFile)
  await fs.fchmod(fd, mode)
  await fs.close(fd)
}

/** What RFC 8037 has as its example, appendix A.1. */
const RFC_KEY = {
  kty: 'OKP',
  crv: 'Ed25519',
  d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
  x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
}

test('the first use makes an identity, with folder and file for nobody else; each later one gives the same', async (t) => {
  const { fs, made } = await madeDisk()
  t.is(made.publicKey.length, 32)
  t.is(made.secretKey.length, 64)
  t.deepEqual(made.secretKey.subarray(32), made.publicKey)
  t.is((await fs.stat(HOME)).mode & 0o777, 0o700)
  t.is((await fs.stat(FILE)).mode & 0o777, 0o600)
  t.deepEqual(await identity({ home: HOME, fs }), made)
  t.deepEqual(await existingIdentity({ home: HOME, fs }), made)
  t.notDeepEqual((await madeDisk()).made.publicKey, made.publicKey)
})

test('who only looks for an identity makes none', async (t) => {
  const fs = new MemoryDisk()
  t.is(await existingIdentity({ home: HOME, fs }), undefined)
  await t.throwsAsync(fs.stat('/home'), { code: 'ENOENT' })
})

test('those that start at once agree on one identity', async (t) => {
  const fs = new MemoryDisk()
  const all = await Promise.all(Array.from({ length: 8 }, () => identity({ home: HOME, fs })))
  for (const one of all) t.deepEqual(one, all[0])
  t.deepEqual((await fs.readdir(HOME)).map(String), ['identity.json'])
})

test('who was slower by one call takes the identity that the other has made', async (t) => {
  const { fs: whole } = await madeDisk()
  for (let at = 1; at <= whole.calls; at++) {
    const fs = new MemoryDisk()
    fs.putFolder('/home')
    let isPlanted = false
    fs.hook = () => {
      if (fs.calls < at || isPlanted || fs.snapshot().has(FILE)) return
      fs.putFolder(HOME, 0o700)
      fs.put(FILE, JSON.stringify(RFC_KEY), 0o600)
      isPlanted = true
    }
    const made = await identity({ home: HOME, fs })
    if (isPlanted) t.is(Buffer.from(made.publicKey).toString('base64url'), RFC_KEY.x, `call ${at}`)
    t.deepEqual(await identity({ home: HOME, fs }), made)
  }
})

test('a process that is stopped at any call leaves no identity, or a whole one', async (t) => {
  const { fs: whole } = await madeDisk()
  for (let at = 1; at <= whole.calls; at++) {
    const fs = new MemoryDisk()
    fs.putFolder('/home')
    fs.hook = () => {
      if (fs.calls >= at) throw Object.assign(new Error('EIO'), { code: 'EIO' })
    }
    const made = await identity({ home: HOME, fs }).catch(() => undefined)
    fs.hook = undefined
    const found = await identity({ home: HOME, fs })
    if (made) t.deepEqual(found, made)
    t.is(found.secretKey.length, 64)
  }
})

test('the file is a JSON Web Key, which other programs read', async (t) => {
  const { fs } = await madeDisk()
  await fs.unlink(FILE)
  fs.put(FILE, JSON.stringify(RFC_KEY))
  await setMode(fs, FILE, 0o600)
  const { publicKey, secretKey } = await identity({ home: HOME, fs })
  t.is(Buffer.from(publicKey).toString('base64url'), RFC_KEY.x)
  t.is(Buffer.from(secretKey.subarray(0, 32)).toString('base64url'), RFC_KEY.d)
  // RFC 8037, appendix A.4
  const bytes = Buffer.from('eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc')
  const signature = 'hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg'
  t.is(Buffer.from(signed({ publicKey, secretKey }, bytes)).toString('base64url'), signature)
})

test('what an identity has signed holds for its key', async (t) => {
  const { made } = await madeDisk()
  const bytes = Buffer.from('some bytes')
  const signature = signed(made, bytes)
  t.is(signature.length, 64)
  t.true(isSignedBy(made.publicKey, bytes, signature))
  const error = t.throws(() => signed({ ...made, secretKey: made.secretKey.subarray(1) }, bytes), {
    code: 'ERR_USAGE',
  })
  t.is(error?.message, 'identity.secretKey must be 64 bytes, not "other bytes"')
})

const keyWith = (change: object) => JSON.stringify({ ...RFC_KEY, ...change })

/** What may stand in the place of the identity, and how it is refused. */
const REFUSED: Record<string, [act: (fs: MemoryDisk) => unknown, code: string, message: RegExp]> = {
  'readable by the group': [
    (fs) => setMode(fs, FILE, 0o640),
    'ERR_PERMISSION',
    /others can read or write it \(mode 640\); chmod 600 it/,
  ],
  'writable by others': [(fs) => setMode(fs, FILE, 0o602), 'ERR_PERMISSION', /\(mode 602\)/],
  'of another user': [(fs) => giveTo(fs, FILE, 1000), 'ERR_PERMISSION', /belongs to another user \(1000\)/],
  'a folder to which others write': [
    (fs) => setMode(fs, HOME, 0o770),
    'ERR_PERMISSION',
    /sluice is not used: others can write to it \(mode 770\); chmod 750 it/,
  ],
  'a folder of another user': [(fs) => giveTo(fs, HOME, 1000), 'ERR_PERMISSION', /another user \(1000\)/],
  'a link': [
    async (fs) => {
      await fs.rename(FILE, '/home/elsewhere')
      await fs.symlink('/home/elsewhere', FILE)
    },
    'ERR_UNSAFE_LINK',
    /a symbolic link is in the way/,
  ],
  'a link to nothing': [
    async (fs) => {
      await fs.unlink(FILE)
      await fs.symlink('/home/nothing', FILE)
    },
    'ERR_UNSAFE_LINK',
    /a symbolic link is in the way/,
  ],
  'a folder in its place': [
    async (fs) => {
      await fs.unlink(FILE)
      await fs.mkdir(FILE)
    },
    'ERR_WRITE',
    /a folder has this name/,
  ],
}

/** Contents that are no identity. */
const DAMAGED = {
  nothing: '',
  'no JSON': '{',
  null: 'null',
  'too long': `${JSON.stringify(RFC_KEY)}${' '.repeat(4096)}x`,
  'another curve': keyWith({ crv: 'X25519' }),
  'another kind': keyWith({ kty: 'EC' }),
  'half a key': keyWith({ d: RFC_KEY.d.slice(1) }),
  'no secret': keyWith({ d: undefined }),
  'the public half of another key': keyWith({ x: RFC_KEY.d }),
}
for (const [what, content] of Object.entries(DAMAGED))
  REFUSED[`content: ${what}`] = [
    async (fs) => {
      await fs.unlink(FILE)
      fs.put(FILE, content)
      await setMode(fs, FILE, 0o600)
    },
    'ERR_PARSE',
    /identity\.json (is no key|is too large|has a public key).*put back a copy of it/,
  ]

for (const [what, [act, code, message]] of Object.entries(REFUSED))
  test(`refused, left as it is, and never shown: ${what}`, async (t) => {
    const { fs } = await madeDisk()
    await act(fs)
    const before = await fs.lstat(FILE)
    for (const get of [identity, existingIdentity]) {
      const error = await t.throwsAsync(get({ home: HOME, fs }), { code, message })
      t.notRegex(`${error?.message}${error?.cause}`, /nWGxne|11qYAY/)
    }
    t.is((await fs.lstat(FILE)).ino, before.ino)
  })

const isPosix = process.platform !== 'win32'

/** A folder for a home on the disk of this machine. */
async function realHome(t: ExecutionContext<unknown>) {
  const dir = join(await temporary(t), 'a', 'home')
  return { dir, file: join(dir, 'identity.json') }
}

// alone: the umask is that of the whole process
test.serial('on the disk of this machine, too, nobody else reads it', async (t) => {
  const { dir, file } = await realHome(t)
  const umask = process.umask(0)
  t.teardown(() => process.umask(umask))
  const made = await identity({ home: dir })
  t.deepEqual(await identity({ home: dir }), made)
  t.deepEqual(await readdir(dir), ['identity.json'])
  if (!isPosix) return
  t.is((await lstat(dir)).mode & 0o777, 0o700)
  t.is((await lstat(file)).mode & 0o777, 0o600)
  await chmod(file, 0o644)
  await t.throwsAsync(identity({ home: dir }), { code: 'ERR_PERMISSION' })
  await chmod(file, 0o600)
  await rename(file, `${file}.old`)
  await symlink(`${file}.old`, file)
  await t.throwsAsync(identity({ home: dir }), { code: 'ERR_UNSAFE_LINK' })
  t.true((await readFile(`${file}.old`, 'utf8')).includes('OKP'))
})

test('a home that is a file, or below one, is refused', async (t) => {
  const { dir } = await realHome(t)
  await mkdir(resolve(dir, '..'), { recursive: true })
  await writeFile(dir, '')
  for (const path of [dir, join(dir, 'below')])
    await t.throwsAsync(identity({ home: path }), {
      code: 'ERR_WRITE',
      message: /cannot use the folder .*ENOTDIR/,
    })
})

test('the home is what SLUICE_HOME says, and else where this platform has configurations', async (t) => {
  t.is(await home({ SLUICE_HOME: '/somewhere' }), resolve('/somewhere'))
  t.is(await home({ SLUICE_HOME: 'here' }), resolve('here'))
  const standard = await home({})
  t.is(await home({ SLUICE_HOME: '' }), standard)
  t.regex(standard, /[\\/]sluice([\\/]Config)?$/)
  if (!process.env.XDG_CONFIG_HOME) t.true(standard.startsWith(homedir()))
  await t.throwsAsync(identity({ hme: '/x' } as never), { code: 'ERR_USAGE', message: /did you mean home/ })
  await t.throwsAsync(identity({ home: '' }), { code: 'ERR_USAGE' })
})
