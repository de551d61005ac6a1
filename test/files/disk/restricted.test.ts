import { execFile } from 'node:child_process'
import { realpath, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'
import { type CallsByPath, restricted } from '../../../lib/files/disk/restricted.js'
import { nodeFileSystem, OPEN } from '../../../lib/files/index.js'
import { ROOT } from '../../helpers/command.js'
import { temporary } from '../../helpers/folders.js'

const CHILD = fileURLToPath(new URL('../../helpers/restricted-child.js', import.meta.url))
const FLAG = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission'
const [MAJOR] = process.versions.node.split('.').map(Number) as [number]

for (const reads of ['everything', 'the folder and the program'])
  test(`under Node's permission model every operation works in the folder that is allowed; it may read ${reads}`, async (t) => {
    const dir = await realpath(await temporary(t))
    const outside = await realpath(await temporary(t))
    const read = reads === 'everything' ? ['*'] : [ROOT, `${dir}/`]
    const allowed = [...read.map((path) => `--allow-fs-read=${path}`), `--allow-fs-write=${dir}/`]
    const given = [FLAG, ...allowed, CHILD, dir, join(outside, 'x')]
    const { stdout, stderr } = await promisify(execFile)(process.execPath, given)
    t.is(stdout, '')
    // Node 20 still allows it
    if (MAJOR > 20) t.is(stderr.split('SLUICE_NO_SYNC').length, 2, stderr)
  })

test('what is set by path is set on the file that is open, and on no other', async (t) => {
  const dir = await temporary(t)
  const [path, other] = [join(dir, 'a'), join(dir, 'b')]
  await writeFile(path, '')
  const called: string[] = []
  const byPath = {
    chmod: async () => void called.push('chmod'),
    chown: async () => void called.push('chown'),
    utimes: async () => void called.push('utimes'),
  }
  const fs = restricted(nodeFileSystem, byPath, () => t.fail())
  const fd = await fs.open(path, OPEN.update)
  const sets = [() => fs.fchmod(fd, 0o600), () => fs.fchown(fd, 1, 1), () => fs.futimes(fd, 1, 1)]
  for (const set of sets) await set()
  t.deepEqual(called, ['chmod', 'chown', 'utimes'])
  await rename(path, other)
  await t.throwsAsync(fs.fchmod(fd, 0o600), { code: 'ENOENT' })
  await symlink(other, path)
  for (const set of sets) await t.throwsAsync(set, { code: 'ENOENT' })
  await fs.close(fd)
  t.is(called.length, 3)
})

test('a sync that is refused is told once; one that fails is an error', async (t) => {
  let told = 0
  const failing = (code: string) => {
    const fsync = () => Promise.reject(Object.assign(new Error('no'), { code }))
    return restricted({ ...nodeFileSystem, fsync }, {} as CallsByPath, () => told++)
  }
  const fs = failing('ERR_ACCESS_DENIED')
  await fs.fsync(1)
  await fs.fsync(1)
  t.is(told, 1)
  await t.throwsAsync(failing('EIO').fsync(1), { code: 'EIO' })
  t.is(told, 1)
})
