import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { eventLine } from '../../../lib/cli/ui/events.js'
import { ROOT } from '../../helpers/command.js'
import { checkEvent, EVENT_NAMES, isEvent } from '../../helpers/event-schema.js'

// What the command prints is checked against the schema wherever a test runs it with --json: helpers/command.ts.

test('the schema knows the events that the type CliEvent has, and no other', async (t) => {
  const source = await readFile(join(ROOT, 'lib/cli/ui/events.ts'), 'utf8')
  const named = Array.from(source.matchAll(/\bevent: '([^']+)'/g), ([, name]) => name!)
  t.true(named.length > 15, named.join())
  t.deepEqual(named.sort(), EVENT_NAMES.toSorted())
})

test('to readers a key that they do not know does not matter; one that is missing or of another kind does', (t) => {
  const event = { version: 1, event: 'peer-removed', name: 'anna' }
  t.true(isEvent(event), JSON.stringify(isEvent.errors))
  t.true(isEvent({ ...event, since: 'a later version' }))
  t.false(isEvent({ ...event, version: 2 }))
  t.false(isEvent({ ...event, event: 'unheard' }))
  t.false(isEvent({ ...event, name: 1 }))
  t.false(isEvent({ version: 1, event: 'peer-removed' }))
})

test('what the tests are checked by takes no key that is not in the schema, and says which', (t) => {
  t.notThrows(() => checkEvent(eventLine({ event: 'identity', key: 'k', fingerprint: 'f' })))
  t.throws(() => checkEvent('{"version":1,"event":"identity","key":"k","fingerprint":"f","more":1}'), {
    message: /must NOT have additional properties/,
  })
  t.throws(() => checkEvent('{"version":1,"event":"identity","key":"k"}'), { message: /fingerprint/ })
  t.throws(() => checkEvent('{"version":1,"event":"unheard"}'), { message: /no such event/ })
})
