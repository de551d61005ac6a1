import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { main } from '../../lib/cli/program.js'
import type { Io } from '../../lib/cli/ui/io.js'
import type { Ended } from './command.js'

/** Runs the command line in this process, without a terminal and with no input; for what is refused at its start. */
export async function call(...args: string[]): Promise<Ended> {
  const io = { stdin: new PassThrough().end(), stdout: new PassThrough(), stderr: new PassThrough() }
  const said = Promise.all([text(io.stdout), text(io.stderr)])
  const code = await main(args, io as unknown as Io, new AbortController())
  io.stdout.end()
  io.stderr.end()
  const [out, err] = await said
  return { code, out, err }
}
