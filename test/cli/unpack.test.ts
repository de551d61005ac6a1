import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { Command, MAIN } from '../helpers/command.js'
import { temporary } from '../helpers/folders.js'

/** A file, packed. */
async function packed(): Promise<Buffer> {
  const run = promisify(execFile)
  return (await run(process.execPath, [MAIN, 'pack', 'package.json'], { encoding: 'buffer' })).stdout
}

test('unpack ends when all is there, though its input stays open, as that of netcat does', async (t) => {
  const dir = await temporary(t)
  const stream = await packed()
  const unpack = new Command(t, ['unpack', '--dir', dir], { input: 'pipe' })
  unpack.child.stdin!.write(stream)
  const { code, err } = await unpack.ended
  t.is(code, 0, err)
  t.regex(err, /^1 file in /m)
  t.true((await readFile(join(dir, 'package.json'))).equals(await readFile('package.json')))
})

test('what follows the end of a packed stream is an error of unpack, though all is there', async (t) => {
  const dir = await temporary(t)
  const stream = await packed()
  const unpack = new Command(t, ['unpack', '--dir', dir], { input: 'pipe' })
  unpack.child.stdin!.end(Buffer.concat([stream, stream]))
  const { code, err } = await unpack.ended
  t.not(code, 0)
  t.regex(err, /unknown type 0x89/)
})
