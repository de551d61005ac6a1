// A folder goes through ssh, to a server of the test's own: that is how most people reach another machine.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { send } from '../../../lib/index.js'
import { command } from '../../../lib/peers/connectors/command.js'
import { randomContent } from '../../../lib/testing/index.js'
import { listing, plant, temporary } from '../../helpers/folders.js'
import { errorAtClose } from '../../helpers/heard.js'
import { sshServer } from '../../helpers/ssh.js'

const PEER_CHILD = fileURLToPath(new URL('../../helpers/peer-child.js', import.meta.url))

test('a folder goes through ssh', async (t) => {
  const ssh = await sshServer(t)
  if (typeof ssh === 'string') {
    t.log(`skipped: ${ssh}`)
    return t.pass()
  }
  const source = await plant(await temporary(t), {
    'photos/a.jpg': randomContent(2_000_000),
    'photos/b/c.txt': 'c',
    'photos/none': null,
  })
  const dir = await temporary(t)
  const lines: string[] = []
  const onLine = (line: string) => lines.push(line)
  const there = command([...ssh, process.execPath, PEER_CHILD, dir], { onLine })
  const duplex = await there.connect('')
  await send(duplex, [join(source, 'photos')]).finished
  t.is(await errorAtClose(duplex), null)
  t.deepEqual(lines, ['received 5'])
  t.deepEqual(await listing(dir), await listing(source))

  // what it says when it comes to nothing is what people need to know
  const nobody = ssh.map((word) => word.replace(/.*@/, 'nobody-of-that-name@'))
  const refused = await command([...nobody, 'true'], { onLine }).connect('')
  const error = await errorAtClose(refused.resume())
  t.is(error?.code, 'ERR_UNREACHABLE')
  t.regex(String(error), /ended with exit status 255; it said: .*Permission denied/)
})
