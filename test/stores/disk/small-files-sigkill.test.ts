import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { collectLeftovers, Tree } from '../../../lib/files/index.js'
import { filesBelow, temporary } from '../../helpers/folders.js'
import { numberOf, textOf } from '../../helpers/generations.js'
import { Kills } from '../../helpers/kills.js'
import { scale } from '../../helpers/scale.js'

const FILES = 40
/** Calls of one receive. */
const WITHIN = 500

test('killed with SIGKILL in the loop over small files: what has a name is whole, and what is left is collected', async (t) => {
  t.timeout(scale(2, 20) * 60_000)
  const kills = new Kills(t)
  const dir = await temporary(t)
  let acknowledged = 0
  while (kills.total < scale(6, 150)) {
    const before = acknowledged
    const { done } = await kills.run('receive', dir, WITHIN, before)
    for (const name of await readdir(dir)) {
      const number = Number(name)
      if (number <= before) continue
      const inbox = join(dir, name)
      const files = (await filesBelow(pathToFileURL(`${inbox}/`))).filter(
        (path) => !path.endsWith('.part') && !path.startsWith('.sluice/'),
      )
      for (const path of files) {
        const text = await readFile(join(inbox, path), 'utf8')
        t.is(numberOf(text), number)
        t.is(text, textOf(path, number))
      }
      if (number <= done) t.is(files.length, FILES)
      const tree = await Tree.open(inbox)
      // one that was just made, and in which nobody said who it is of, stays for a day
      await collectLeftovers(tree, { now: () => Date.now() + 25 * 3600_000 })
      await tree.close()
      const left = (await readdir(inbox, { recursive: true })).filter((path) => /\.part$|sluice/.test(path))
      t.deepEqual(left, [], inbox)
      acknowledged = Math.max(acknowledged, number)
    }
  }
  kills.log()
})
