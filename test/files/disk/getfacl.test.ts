import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import { accessList } from '../../../lib/files/disk/access-list.js'
import { writeFileAtomic } from '../../../lib/files/index.js'
import { temporary } from '../../helpers/folders.js'

// A command of that name which is first in the path, in a process of its own: each file of tests has one.

const PATH = process.env.PATH
// where the optional package is there, the command is not asked
process.env.SLUICE_NATIVE = 'off'

test.afterEach.always(() => {
  process.env.PATH = PATH
})

/** Has files asked about by a shell script. */
async function asking(dir: string, script: string): Promise<void> {
  const tools = join(dir, 'tools')
  await mkdir(tools)
  await writeFile(join(tools, 'getfacl'), `#!/bin/sh\n${script}\n`)
  await chmod(join(tools, 'getfacl'), 0o755)
  process.env.PATH = `${tools}${delimiter}${PATH}`
}

const onLinux = process.platform === 'linux' ? test.serial : test.serial.skip

onLinux(
  'where the command is killed nobody knows who may do what: the write fails, and says so',
  async (t) => {
    const dir = await temporary(t)
    await asking(dir, 'kill -9 $$')
    const path = join(dir, 'file')
    await writeFile(path, 'old', { mode: 0o664 })
    const error = await t.throwsAsync(writeFileAtomic(path, 'new'), { code: 'ERR_WRITE' })
    t.regex(error?.message ?? '', /getfacl was ended by SIGKILL/)
  },
)

onLinux('a file that nobody can be asked about for long keeps no other one waiting', async (t) => {
  const dir = await temporary(t)
  await asking(dir, `case "$*" in *stuck*) while ! test -e '${dir}/go'; do sleep 0.1; done;; esac\nexit 1`)
  let isOver = false
  const stuck = accessList('/stuck').then(() => {
    isOver = true
  })
  // a process of its own asks about it by now
  await setImmediate()
  t.is(await accessList('/first'), undefined)
  t.is(await accessList('/second'), undefined)
  t.false(isOver)
  await writeFile(join(dir, 'go'), '')
  await stuck
})

onLinux('of many files of which some are gone, the others are told', async (t) => {
  const dir = await temporary(t)
  // as the true one does: it answers for those that are there, and fails if one is not
  await asking(
    dir,
    `shift 2; code=0
for path; do case "$path" in *gone*) code=1;; *) printf 'user::rw-\\nuser:7:r--\\nmask::r--\\nother::r--\\n\\n';; esac; done
exit $code`,
  )
  const paths = Array.from({ length: 40 }, (_, i) => (i === 7 || i === 30 ? `/gone${i}` : `/there${i}`))
  const lists = await Promise.all(paths.map((path) => accessList(path)))
  t.deepEqual(
    lists,
    paths.map((path) => (path.startsWith('/gone') ? undefined : 'user:7:r--')),
  )
})
