import { isInForeground } from './signals.js'

/** What of the process is used; a parameter, so that tests need no terminal. */
export interface KeysOf {
  isInForeground(): boolean
  /** Does what the terminal would have done at a key: a signal to all that run there. */
  raise(signal: NodeJS.Signals): void
  process: Pick<NodeJS.EventEmitter, 'on' | 'off'>
}

/** Keys that a terminal makes signals of, unless each key is asked for as it is. */
const SIGNALS: Record<string, NodeJS.Signals> = {
  '\u0003': 'SIGINT',
  '\u001a': 'SIGTSTP',
  '\u001c': 'SIGQUIT',
}

const PRINTABLE = /^[ -~]+$/

/**
 * The keys that are pressed at the terminal, one by one. While nobody wants them, and while a question is asked, they
 * are none of ours. In the background nothing is read, which would stop the program; nor when standard input is sent.
 */
export class PressedKeys {
  readonly #stdin: NodeJS.ReadStream
  readonly #press: (keys: string) => void
  readonly #of: KeysOf
  #isWanted = false
  #isAsking = false
  #isListening = false

  /** @param press is told of each key that is a character, and of several at once where they came so */
  constructor(
    stdin: NodeJS.ReadStream,
    press: (keys: string) => void,
    of: KeysOf = { isInForeground, raise, process },
  ) {
    this.#stdin = stdin
    this.#press = press
    this.#of = of
  }

  /** Whether a key does something now. */
  get isListening(): boolean {
    return this.#isListening
  }

  /** Whether somebody waits for keys. */
  want(isWanted: boolean): void {
    if (isWanted !== this.#isWanted) {
      this.#isWanted = isWanted
      if (isWanted) this.#of.process.on('SIGCONT', this.#continued)
      else this.#of.process.off('SIGCONT', this.#continued)
    }
    this.#update()
  }

  /** Leaves the terminal to a question. */
  async without<T>(question: () => Promise<T>): Promise<T> {
    this.#isAsking = true
    this.#update()
    try {
      return await question()
    } finally {
      this.#isAsking = false
      this.#update()
    }
  }

  #update(isInForeground?: boolean): void {
    const { isTTY, readableEnded, destroyed } = this.#stdin
    const isTerminal = isTTY && !readableEnded && !destroyed
    const mayListen = isTerminal && this.#isWanted && !this.#isAsking
    const listens = mayListen && (this.#isListening || (isInForeground ?? this.#of.isInForeground()))
    if (listens !== this.#isListening) this.#listen(listens)
  }

  /** @param isOurs whether the terminal is: in the background it must not be set */
  #listen(listens: boolean, isOurs = true): void {
    this.#isListening = listens
    const stdin = this.#stdin
    if (listens) {
      stdin.on('error', ignore).on('data', this.#pressed)
      // whoever had the terminal meanwhile has set it as he needs it: what we set before does not count
      stdin.setRawMode?.(false)
      stdin.setRawMode?.(true)
      stdin.resume()
    } else {
      stdin.off('data', this.#pressed)
      if (isOurs) stdin.setRawMode?.(false)
      stdin.pause()
      // what goes wrong with a terminal that is gone is told a little later
      setImmediate(() => stdin.off('error', ignore))
    }
  }

  readonly #pressed = (keys: Buffer | string): void => {
    const text = keys.toString()
    for (const key of text) if (SIGNALS[key]) this.#signal(SIGNALS[key])
    // keys such as F1 come as several characters behind an escape, and any letter may be one of them
    if (!SIGNALS[text] && (text.length === 1 || PRINTABLE.test(text))) this.#press(text)
  }

  /** Who stops us, or ends us, finds the terminal as it was. */
  #signal(signal: NodeJS.Signals): void {
    if (signal !== 'SIGINT' && this.#isListening) this.#listen(false)
    this.#of.raise(signal)
    // where nobody can stop us, as in a terminal without a shell, all goes on
    this.#update()
  }

  /** It was stopped, and goes on: perhaps in the background, where the terminal is somebody else's. */
  readonly #continued = (): void => {
    const isInForeground = this.#of.isInForeground()
    if (this.#isListening) this.#listen(false, isInForeground)
    this.#update(isInForeground)
  }
}

const ignore = () => {}

/** To the whole group, as a terminal does it. Where there are no groups, to whoever listens here. */
function raise(signal: NodeJS.Signals): void {
  if (process.platform === 'win32') process.emit(signal, signal)
  else process.kill(0, signal)
}
