import { PassThrough } from 'node:stream'
import test from 'ava'
import { diallerTo } from '../../../lib/cli/network/dialler.js'
import type { Context } from '../../../lib/cli/ui/context.js'

test('the terminal shows no key any more when it asks for a ticket', async (t) => {
  const done: string[] = []
  const stdin = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (isRaw: boolean) => void done.push(isRaw ? 'hides keys' : 'shows keys'),
  })
  const stderr = {
    write(text: string) {
      done.push(text)
      if (text.startsWith('Ticket')) setImmediate(() => stdin.write('127.0.0.1:1\r'))
    },
  }
  const { signal } = new AbortController()
  const context = { io: { stdin, stderr }, signal, stop() {} } as unknown as Context
  t.is((await diallerTo('-', {}, context)).to, '127.0.0.1:1')
  t.deepEqual(done, ['hides keys', 'Ticket (it is not shown): ', 'shows keys', '\n'])
})
