// A ticket is a secret: it is shown where the other side gets it from, in one piece, and nowhere else. And what is
// said of the ways to the other side, before anything is opened.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { showKey } from '../../../lib/peers/keys.js'
import { encodeTicket, makeTicket } from '../../../lib/peers/ticket.js'
import { plant, temporary } from '../../helpers/folders.js'
import { Screen } from '../../helpers/screen.js'
import { BOB } from '../../helpers/secure.js'
import { HERE, newUser } from '../../helpers/user.js'

const TICKET = encodeTicket(makeTicket({ addresses: ['192.0.2.1:7000'], publicKey: BOB.publicKey }))

test('a ticket in a wrong place is not shown, in no message, event or log', async (t) => {
  const [anna, dir] = await Promise.all([newUser(t), temporary(t)])
  const file = join(await plant(dir, { file: 'x' }), 'file')
  const log = ['--log', join(dir, 'log')]
  const wrong: [string[], RegExp][] = [
    [['send', file, TICKET], /did you forget --to\?/],
    [['send', file, TICKET.toUpperCase()], /did you forget --to\?/],
    [['receive', '--allow', TICKET, ...HERE], /--allow takes the name of a known peer/],
    [['receive', '--dir', dir, '--listen', TICKET], /\(a ticket\)/],
    [[TICKET], /unknown command '\(a ticket\)'/],
    [['send', file, '--to', `sluice receive ${TICKET}`], /\(a ticket\)/],
    [['send', file, '--conflict', TICKET], /unknown option/],
    [['status', join(dir, TICKET)], /\(a ticket\)/],
  ]
  for (const [args, message] of wrong)
    for (const more of [[], ['--json', '--verbose', ...(args.length > 1 ? log : [])]]) {
      const { code, out, err } = await anna.run(...args, ...more)
      t.is(code, 2, args.join(' '))
      t.regex(out + err, message)
      t.notRegex(out + err, /sluice1[a-z2-7]{20}/i)
    }
  const kept = await readFile(join(dir, 'log'), 'utf8')
  t.regex(kept, /ERR_/)
  t.notRegex(kept, /sluice1[a-z2-7]{20}/i)
})

test('on a terminal a ticket, and a key, are words that can be copied', async (t) => {
  const [anna, dir] = await Promise.all([newUser(t), temporary(t)])
  const options = { columns: 40, cwd: dir, env: { SLUICE_HOME: anna.home } }
  const receiver = await Screen.of(t, ['receive', ...HERE], options)
  await receiver.shows(/Ctrl-C stops/)
  t.regex(receiver.raw, /^sluice1[a-z2-7]{90,}\r?$/m)
  t.regex(receiver.raw, /sluice send PATH\.\.\. --to sluice1[a-z2-7]{90,}\r?$/m)
  receiver.type('\u0003')
  t.is(await receiver.ended, 130)
  const known = await Screen.of(t, ['identity'], options)
  await known.ended
  t.true(known.raw.includes(`${anna.key}\r\n`), known.raw)
  await anna.run('peers', 'add', 'bob', showKey(BOB.publicKey))
  const allowing = await Screen.of(t, ['send', '.', '--allow', 'bob', ...HERE], options)
  await allowing.shows(/Ctrl-C stops/)
  t.regex(
    allowing.raw,
    new RegExp(
      `sluice peers add NAME ${anna.key} 127\\.0\\.0\\.1:\\d+\\r?\\n.*sluice receive NAME\\r?$`,
      'm',
    ),
  )
  allowing.type('\u0003')
  await allowing.ended
})

test('ways to the other side that do not go together are refused before anything is opened', async (t) => {
  const [anna, dir] = await Promise.all([newUser(t), temporary(t)])
  const file = join(await plant(dir, { file: 'x' }), 'file')
  const wrong: [string[], RegExp][] = [
    [['--allow', 'bob', '--many', '2'], /with --allow there is none/],
    [['--allow', 'bob', '--qr'], /with --allow there is none/],
    [['--allow', 'bob', '--expires', '1h'], /with --allow there is none/],
    [['--plain', '--many', '2'], /leave --plain out/],
    [['--plain', '--expires', '1h'], /leave --plain out/],
    [['--plain', '--address', 'router.example:7000'], /leave --plain out/],
    [['--address', 'router.example:7000'], /a port here, which has to stay the same/],
    [['--address', 'router.example', '--listen', '127.0.0.1:0'], /"router.example" is not an address/],
    [['--allow', 'bob', '--remember', 'bob'], /--remember is for one other/],
    [['--many', '2', '--remember', 'bob'], /--remember is for one other/],
    [['--many', 'x', '--remember', 'bob'], /--many must be a whole number/],
    [['--plain', '--remember', 'bob'], /--remember is for tickets and known peers/],
    [['--remember', 'b:1'], /--remember must be without : and \//],
  ]
  for (const flag of [
    ['--qr'],
    ['--many', '2'],
    ['--expires', '1h'],
    ['--address', 'router.example:7000'],
    ['--allow', 'bob'],
    ['--listen', '127.0.0.1:0'],
  ]) {
    const both = new RegExp(`either --to a ticket or ${flag[0]}, not both`)
    wrong.push([['--to', TICKET, ...flag], both])
    const through = new RegExp(`either --via or ${flag[0]}, not both`)
    wrong.push([['--via', 'no-such-program', ...flag], through])
  }
  for (const words of [
    ['--via', 'no-such-program'],
    ['--to', '127.0.0.1:1'],
  ])
    wrong.push([[...words, '--remember', 'bob'], /--remember is for tickets and known peers/])
  for (const [args, message] of wrong) {
    const { code, err } = await anna.run('send', file, ...args)
    t.is(code, 2, args.join(' '))
    t.regex(err, message)
  }
  const env = { SLUICE_TICKET: TICKET }
  const receiver = await anna.start(['receive', '--qr', '--dir', dir], { env }).ended
  t.is(receiver.code, 2)
  t.regex(receiver.err, /either SLUICE_TICKET or --qr, not both/)
  const stdio = await anna.run('receive', '--stdio', '--remember', 'bob', '--dir', dir)
  t.is(stdio.code, 2)
  const far = await anna.run('send', file, '--to', '192.0.2.1:7000')
  t.regex(
    far.err,
    /an address alone is plain, and taken on this machine only.*sluice peers add NAME KEY ADDRESS/,
  )
})
