import { createLogUpdate } from 'log-update'
import { printable, type SluiceError } from '../errors.js'
import type { Progress } from '../transfer/progress.js'
import type { Transfer, TransferResult } from '../transfer/transfer.js'
import { type CliEvent, EVENTS_VERSION, errorEvent, warningEvent } from './events.js'
import { exitOf } from './exit.js'
import { duration, progressLines, size } from './progress.js'

/** Where a command reads, writes and is shown; a parameter, so that tests need no terminal. */
export interface Io {
  stdin: NodeJS.ReadStream & { fd: number }
  stdout: NodeJS.WriteStream
  stderr: NodeJS.WriteStream
}

/** Milliseconds between two progress events of `--json`. */
const JSON_INTERVAL = 500

/** Tells what happens: for people on standard error, with a live line on a terminal; or as events on standard output. */
export class Reporter {
  readonly #io: Io
  readonly #json: boolean
  readonly #live: ReturnType<typeof createLogUpdate> | null
  #began = performance.now()

  constructor(io: Io, json: boolean) {
    this.#io = io
    this.#json = json
    this.#live = !json && io.stderr.isTTY ? createLogUpdate(io.stderr) : null
  }

  /** One result on standard output: as an event, or as the line `text`. */
  result(event: CliEvent, text: string): void {
    this.#io.stdout.write(
      this.#json ? `${JSON.stringify({ version: EVENTS_VERSION, ...event })}\n` : `${text}\n`,
    )
  }

  /** A line for people; nothing with `--json`. */
  note(text: string): void {
    if (this.#json) return
    this.#live?.clear()
    this.#io.stderr.write(`${text}\n`)
  }

  event(event: CliEvent): void {
    if (this.#json) this.result(event, '')
  }

  warn(warning: SluiceError): void {
    this.event(warningEvent(warning))
    this.note(`warning: ${warning.message}`)
  }

  /** Gives the exit status that belongs to the error. */
  error(error: SluiceError): number {
    const exit = exitOf(error)
    this.event(errorEvent(error, exit))
    this.#live?.clear()
    this.#io.stderr.write(`sluice: ${error.message.replaceAll('\n', ' ')}\n`)
    if (process.env.DEBUG?.includes('sluice')) this.#io.stderr.write(`${error.stack}\n`)
    return exit
  }

  /** Shows a transfer while it runs. */
  watch(transfer: Transfer): void {
    this.#began = performance.now()
    let told = Number.NEGATIVE_INFINITY
    transfer.on('state', (state) => this.event({ event: 'state', state }))
    transfer.on('warning', (warning) => this.warn(warning))
    transfer.on('file', (outcome) => {
      this.event({ event: 'file', ...outcome })
      if (outcome.status === 'failed') this.note(`failed: ${printable(outcome.path)} (${outcome.code})`)
    })
    transfer.on('progress', (progress) => {
      this.progress(progress)
      if (performance.now() - told < JSON_INTERVAL) return
      told = performance.now()
      this.event({ event: 'progress', ...progress })
    })
  }

  progress(progress: Progress): void {
    this.#live?.(progressLines(progress, this.#io.stderr.columns ?? 80).join('\n'))
  }

  completed({ files, ...result }: TransferResult): void {
    this.#live?.clear()
    this.event({ event: 'completed', ...result })
    const { published, skipped, bytes } = result
    const took = performance.now() - this.#began
    const rate = size((bytes / Math.max(took, 1)) * 1000)
    const left = skipped === 0 ? '' : `, ${skipped} there already or left out`
    const renamed = files.filter(({ name }) => name !== undefined)
    for (const { path, name } of renamed) this.note(`${printable(path)} is now ${printable(name!)}`)
    this.note(`${published} entries published${left}; ${size(bytes)} in ${duration(took)} (${rate}/s)`)
  }
}
