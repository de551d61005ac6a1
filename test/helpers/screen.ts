import { EventEmitter } from 'node:events'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { type IPty, spawn } from '@lydell/node-pty'
import xterm from '@xterm/headless'
import type { ExecutionContext } from 'ava'
import { MAIN, NO_HOME } from './command.js'

/** The folder in which a command runs, as it is shown: the name of a temporary one is never the same, but as long. */
const HOME = '/home/wonderer'
const TEMPORARY = '/tmp/sl-'

/** Ports, rates and times, which are never the same either. As long as what they stand for mostly is. */
const VARYING: [RegExp, string][] = [
  [/(?<=127\.0\.0\.1:)\d{5}/g, '54321'],
  // but for the limit of a rate
  [/(?<!(?:of|limit) [\d.]*)(?<![\d.])[\d.]+ [kMG]?B\/s/g, '250 MB/s'],
  // keys and secrets
  [/sluice1[a-z2-7]{20,}/g, 'sluice1abfbsjei…4uqm'],
  [/\b[a-z2-7]{4}(?:-[a-z2-7]{4}){4}\b/g, 'w6gi-5ozz-t4o7-7pdp-ccbh'],
  // how much of the files that failed had arrived by then
  [/\([\d.]+ MB(?=[^)]*\);\s+\d\s+files\s+failed)/g, '(6.2 MB'],
  // the algorithms of this Node
  [/\d+(?=\s+more:\s+node)/g, '43'],
  [/\([\d.]+ [TG]B free\)/g, '(12 GB free)'],
]

const withoutVarying = (text: string) => VARYING.reduce((shown, [what, by]) => shown.replace(what, by), text)

/** A temporary folder for a {@link Screen}. */
export async function screenFolder(t: ExecutionContext<unknown>): Promise<string> {
  const folder = await mkdtemp(TEMPORARY)
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** What a {@link Screen} is like. */
export interface ScreenOptions {
  columns: number
  rows?: number
  /** The folder in which the command runs. */
  cwd: string
  env?: NodeJS.ProcessEnv
  /** A line of sh that runs it as `"$0" "$@"`, with what it sets or redirects. */
  shell?: string
  /** Another program. */
  main?: string
}

/**
 * The command at a pseudo terminal, and what a person sees of it: its bytes are given to a terminal emulator, which
 * wraps, erases and, when its width changes, flows its lines anew.
 */
export class Screen {
  /** The exit status, once all that was written is on the screen. */
  readonly ended: Promise<number>
  readonly columns: number
  #raw = ''
  readonly #terminal: xterm.Terminal
  readonly #parsed = new EventEmitter()
  readonly #pty: IPty

  private constructor(t: ExecutionContext<unknown>, args: string[], home: string, options: ScreenOptions) {
    const { columns: cols, rows = 24, cwd, env, shell = '"$0" "$@"', main = MAIN } = options
    this.columns = cols
    this.#terminal = new xterm.Terminal({ cols, rows, allowProposedApi: true })
    const shown = (text: string) => withoutVarying(text.replaceAll(home, HOME))
    if (main === MAIN) this.#terminal.write(shown(`$ sluice ${args.join(' ')}\r\n`))
    // the test runner wants colours of its workers
    const { FORCE_COLOR, ...own } = process.env
    const environment = { ...own, DEBUG: '', SLUICE_HOME: NO_HOME, TERM: 'xterm-256color', ...env }
    // the shell stays until all that was written has been read: what ends before might be lost
    const script = `trap : INT; ${shell}; printf '\\033]0;%d\\007' $?; read -r _`
    const command = ['-c', script, process.execPath, main, ...args]
    this.#pty = spawn('/bin/sh', command, { cols, rows, cwd, env: environment })
    this.#terminal.onWriteParsed(() => this.#parsed.emit('parsed'))
    t.teardown(() => this.#pty.kill('SIGKILL'))
    this.#pty.onData((text) => {
      this.#raw += text
      this.#terminal.write(shown(text))
    })
    // the title is set once all before it is on the screen
    this.ended = new Promise((resolve) => this.#terminal.onTitleChange((exit) => resolve(Number(exit))))
  }

  /** Starts the command. */
  static async of(t: ExecutionContext<unknown>, args: string[], options: ScreenOptions): Promise<Screen> {
    return new Screen(t, args, await realpath(options.cwd), options)
  }

  /** What is on the screen, and what has left it at the top: one line of text per row. */
  get rows(): string[] {
    const { active } = this.#terminal.buffer
    const rows = Array.from({ length: active.length }, (_, y) => active.getLine(y)!.translateToString(true))
    return rows.slice(0, rows.findLastIndex((row) => row !== '') + 1)
  }

  /** All that the command wrote, as bytes of the terminal. */
  get raw(): string {
    return this.#raw.split('\u001b]0;')[0]!
  }

  get text(): string {
    // what came in two pieces is whole only here
    return withoutVarying(this.rows.join('\n'))
  }

  /** Resolves when the screen has `pattern`, also where the end of a row is in the middle of a sentence. */
  async shows(pattern: RegExp): Promise<void> {
    const flowing = () => this.rows.map((row) => row.trim()).join(' ')
    const isThere = () => [this.text, this.rows.join(''), flowing()].some((text) => pattern.test(text))
    while (!isThere())
      if (!(await this.changes()) && !isThere())
        throw new Error(`it ended and never showed ${pattern}:\n${this.text}`)
  }

  /** Resolves when the screen changes, with false when nothing will any more. */
  changes(): Promise<boolean> {
    const changed = new Promise<boolean>((resolve) => this.#parsed.once('parsed', () => resolve(true)))
    return Promise.race([changed, this.ended.then(() => false)])
  }

  type(keys: string): void {
    this.#pty.write(keys)
  }

  /** Makes the terminal narrower or wider, as a person does with the mouse. */
  resize(columns: number): void {
    this.#terminal.resize(columns, this.#terminal.rows)
    this.#pty.resize(columns, this.#terminal.rows)
  }
}
