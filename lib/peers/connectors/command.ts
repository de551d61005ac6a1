import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import type { Readable } from 'node:stream'
import { type Clock, pause, systemClock } from '../../clock.js'
import { messageOf, printable, SluiceError } from '../../errors.js'
import { errorCode } from '../../files/disk/disk-error.js'
import { checkCallback, checkKeys, checkOption } from '../../options.js'
import type { Connector } from './connector.js'
import { checkConnecting } from './listening.js'
import { TwoPipes } from './two-pipes.js'
import { wordsOf } from './words.js'

/** Options of {@link command}. */
export interface CommandOptions {
  /** Called with each line that the program writes to its standard error, escaped; by default they go to our own. */
  onLine?: (line: string) => void
  /** Of the program, in the place of our own. */
  env?: NodeJS.ProcessEnv
  /** For tests: what times the end of the program. */
  clock?: Clock
}

/** Milliseconds in which the exit status comes behind the last byte, where the program has ended. */
const FOR_STATUS = 200

/** Milliseconds in which a program ends by itself when both sides have ended; and after it was told to. */
const TO_END = 5000

/** Characters of a line of its standard error, at most. */
const LONGEST_LINE = 2000

/**
 * Connects through a program: its standard input and output are the connection, whatever the address is. So
 * `command('ssh host sluice receive --stdio')` reaches another machine. No shell reads the line: words are divided by
 * blanks and held together by quotes; or they are given one by one. A program that ends badly fails the connection
 * (`ERR_UNREACHABLE` if nothing came from it, else `ERR_INTERRUPTED`) with its exit status and its last line. It is
 * ended when the connection is destroyed. A Ctrl-C at the terminal is ignored for it, but one that hears it anyway,
 * as every program of Node does, ends by it.
 * @throws SluiceError `ERR_USAGE`; `connect` rejects with that, too, where there is no such program
 */
export function command(line: string | readonly string[], options: CommandOptions = {}): Connector {
  checkKeys('options', options, { onLine: true, env: true, clock: true })
  const words = typeof line === 'string' ? wordsOf(line) : line
  const areWords =
    Array.isArray(words) && words.every((word) => typeof word === 'string' && !word.includes('\0'))
  checkOption('the command', line, areWords && (words[0] ?? '') !== '', 'a command line, or a list of words')
  checkCallback('onLine', options.onLine)
  const { onLine = (text) => process.stderr.write(`${text}\n`), env, clock = systemClock } = options
  const [program, ...args] = words as [string, ...string[]]
  return {
    takes: () => true,
    async connect(_address, options = {}) {
      checkConnecting(options)
      options.signal?.throwIfAborted()
      let child: ChildProcessWithoutNullStreams
      try {
        child = await started(program, args, env)
      } catch (cause) {
        const isMissing = errorCode(cause) === 'ENOENT'
        const why = isMissing ? 'there is no such program' : printable(messageOf(cause), 300)
        throw new SluiceError('ERR_USAGE', `the command ${printable(program, 100)} cannot be run: ${why}`, {
          cause,
        })
      }
      const { duplex } = new Running(child, program, onLine, clock)
      if (!options.signal?.aborted) return duplex
      await once(duplex.destroy(), 'close')
      throw options.signal.reason
    },
  }
}

/** What is ignored stays ignored in the program that takes the place of the shell. */
const IGNORING_INTERRUPTS = `trap '' INT; exec "$@"`

/**
 * Starts a program that a Ctrl-C at the terminal, which reaches all that runs there, does not end: whoever has the
 * connection ends it in order first. In a process group of its own it could not ask at the terminal, as ssh does for a
 * password. Rejects as the system does, where there is no such program.
 */
async function started(
  program: string,
  args: readonly string[],
  env = process.env,
): Promise<ChildProcessWithoutNullStreams> {
  const options = { stdio: 'pipe', env, windowsHide: true } as const
  const isWindows = process.platform === 'win32'
  if (!isWindows) await checkProgram(program, env)
  const child = isWindows
    ? spawn(program, args, options)
    : spawn('/bin/sh', ['-c', IGNORING_INTERRUPTS, 'sh', program, ...args], options)
  await once(child, 'spawn')
  return child
}

/** Looks where the system would, since a shell that starts a program tells of none that is missing but by its words. */
async function checkProgram(program: string, { PATH = '/usr/bin:/bin' }: NodeJS.ProcessEnv): Promise<void> {
  const folders = program.includes('/') ? [''] : PATH.split(delimiter)
  const errors: unknown[] = []
  for (const folder of folders) {
    const error = await access(join(folder, program), constants.X_OK).catch((error: unknown) => error)
    if (error === undefined) return
    errors.push(error)
  }
  throw errors.find((error) => errorCode(error) === 'EACCES') ?? errors[0]
}

/** A program that runs, or has ended. */
class Running {
  readonly duplex: TwoPipes
  readonly #child: ChildProcessWithoutNullStreams
  readonly #name: string
  readonly #clock: Clock
  readonly #exit: Promise<unknown>
  readonly #allSaid: Promise<unknown>
  #lastLine = ''

  constructor(
    child: ChildProcessWithoutNullStreams,
    name: string,
    onLine: (line: string) => void,
    clock: Clock,
  ) {
    this.#child = child
    this.#name = printable(name, 100)
    this.#clock = clock
    this.#exit = new Promise((resolve) => child.once('exit', resolve))
    this.#allSaid = new Promise((resolve) => child.stderr.once('close', resolve))
    forEachLine(child.stderr, (line) => {
      this.#lastLine = line
      onLine(line)
    })
    this.duplex = new TwoPipes({
      from: child.stdout,
      to: child.stdin,
      atEnd: () => this.#failure(),
      release: (isWhole) => this.#end(isWhole),
    })
  }

  get #isOver(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** Why it ended, if it ended badly: one that has only closed its output may still read. */
  async #failure(): Promise<SluiceError | undefined> {
    await this.#within(FOR_STATUS, this.#exit)
    const { exitCode, signalCode } = this.#child
    if (!this.#isOver || exitCode === 0) return undefined
    await this.#within(FOR_STATUS, this.#allSaid)
    const how = signalCode === null ? `ended with exit status ${exitCode}` : `was ended by ${signalCode}`
    const last = this.#lastLine && `; it said: ${this.#lastLine.slice(0, 300)}`
    const code = this.duplex.bytesRead > 0 ? 'ERR_INTERRUPTED' : 'ERR_UNREACHABLE'
    return new SluiceError(code, `the command ${this.#name} ${how}${last}`, { found: signalCode ?? exitCode })
  }

  /** Waits for its end: in good order by itself, else it is told to; one that takes no notice is killed. */
  async #end(isWhole: boolean): Promise<void> {
    const { stdin, stdout, stderr } = this.#child
    if (isWhole) await this.#within(TO_END, this.#exit)
    stdin.destroy()
    stdout.destroy()
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      if (this.#isOver) break
      this.#child.kill(signal)
      await this.#within(TO_END, this.#exit)
    }
    // another process may have it, too, and live on
    await this.#within(FOR_STATUS, this.#allSaid)
    stderr.destroy()
  }

  async #within(ms: number, what: Promise<unknown>): Promise<void> {
    const stop = new AbortController()
    await Promise.race([what, pause(this.#clock, ms, stop.signal)])
    stop.abort()
  }
}

/** Calls back with each line, escaped; one that is too long is cut into several. */
function forEachLine(text: Readable, onLine: (line: string) => void): void {
  let rest = ''
  const tell = (line: string) => line !== '' && onLine(printable(line, LONGEST_LINE))
  text.setEncoding('utf8')
  text.on('data', (chunk: string) => {
    const lines = `${rest}${chunk}`.split(/\r?\n|\r/)
    rest = lines.pop()!
    for (const line of lines) tell(line)
    if (rest.length < LONGEST_LINE) return
    tell(rest)
    rest = ''
  })
  text.on('end', () => tell(rest))
  text.on('error', () => {})
}
