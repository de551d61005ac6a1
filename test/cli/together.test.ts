import { open, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { Command, run } from '../helpers/command.js'
import { plant, temporary } from '../helpers/folders.js'

// sluice receive --together and sluice unpack --together.

test('receive --together: a tree is there as a whole, and nothing of ours is left', async (t) => {
  const from = await plant(await temporary(t), { 'photos/a': 'a', 'photos/deep/b': 'b' })
  const dir = await plant(await temporary(t), { 'photos/mine': 'mine' })
  const receiver = new Command(t, ['receive', '--plain', '--dir', dir, '--once', '--yes', '--together'])
  const address = await receiver.line()
  t.is((await run(t, 'send', join(from, 'photos'), '--to', address)).code, 0)
  t.is((await receiver.ended).code, 0)
  t.is(await readFile(join(dir, 'photos/deep/b'), 'utf8'), 'b')
  t.deepEqual((await readdir(join(dir, 'photos'))).sort(), ['a', 'deep', 'mine'])
  t.deepEqual(await readdir(dir), ['photos'])
})

test('unpack --together of a stream that is cut shows nothing; status finds what is staged, and the whole stream is all there', async (t) => {
  const from = await plant(await temporary(t), { 'photos/a': 'a', 'photos/b': Buffer.alloc(600_000, 'b') })
  const place = await temporary(t)
  const packed = join(place, 'packed')
  const output = await open(packed, 'w')
  const pack = new Command(t, ['pack', join(from, 'photos')], { output: output.fd })
  t.is((await pack.ended).code, 0)
  await output.close()
  const whole = await readFile(packed)
  const dir = join(place, 'inbox')
  const unpack = async (bytes: Buffer) => {
    await writeFile(packed, bytes)
    const input = await open(packed)
    const { code } = await new Command(t, ['unpack', '--dir', dir, '--together'], { input: input.fd }).ended
    await input.close()
    return code
  }
  t.is(await unpack(whole.subarray(0, 550_000)), 4)
  t.deepEqual(await readdir(dir), ['.sluice'])
  // where the part stands, and how much is staged
  const status = (await run(t, 'status', dir)).out
  t.regex(status, / {2}\.sluice\/[0-9a-f]{32}\.staged\/photos\/b\.part$/m)
  t.regex(status, /^staged \.sluice\/[0-9a-f]{32}\.staged \(3 files, \d+ kB\)$/m)
  t.is(await unpack(whole), 0)
  t.deepEqual(await readdir(dir), ['photos'])
  t.is(await readFile(join(dir, 'photos/a'), 'utf8'), 'a')
  t.is(await unpack(whole.subarray(0, 250_000)), 4)
  const shown = await run(t, 'clean', dir)
  t.regex(shown.out, /^left \.sluice\/[0-9a-f]{32}\.staged\/photos\/a$/m)
  const done = await run(t, 'clean', dir, '--yes')
  t.is(done.code, 0)
  t.is(done.out, shown.out.replaceAll('left ', 'removed '))
  t.deepEqual(await readdir(dir), ['photos'])
})
