import { counted, printable, printableJson, type SluiceError } from '../../errors.js'
import { diskError, SystemError } from '../../files/disk/disk-error.js'
import { type FileSystem, OPEN } from '../../files/disk/fs.js'
import { openRegularSync } from '../../files/disk/open-regular.js'
import type { CliEvent } from './events.js'

/** What {@link Log} takes. */
export interface LogOptions {
  /** Has synchronous calls: a line is written when it is told, also where the program ends at once. */
  fs: FileSystem
  /** The time of a line. */
  now?: () => Date
}

/**
 * A file to whose end offers, warnings, errors and outcomes are written, a line each: time, transfer (- if there is
 * none), kind, and what is said of it. Nothing of a peer's can end a line or begin another one. It never fails: what is
 * wrong with it is told once.
 */
export class Log {
  readonly #path: string
  readonly #fs: FileSystem
  readonly #now: () => Date
  #onFailure: (error: SluiceError) => void = () => {}
  #fd: number | undefined

  constructor(path: string, { fs, now = () => new Date() }: LogOptions) {
    this.#path = path
    this.#fs = fs
    this.#now = now
  }

  /** @param onFailure told of the first thing that goes wrong; nothing is kept from then on */
  open(onFailure: (error: SluiceError) => void): void {
    this.#onFailure = onFailure
    this.#try(() => {
      this.#fd = openRegularSync(this.#fs, this.#path, OPEN.append).fd
    })
  }

  /** The file while it is open: one that is listed to be sent would change all the while. */
  get fd(): number | undefined {
    return this.#fd
  }

  /** Keeps an event, if it is one of those that are kept. */
  take(event: CliEvent): void {
    const text = textOf(event)
    if (this.#fd === undefined || text === undefined) return
    const id = ('id' in event && event.id) || '-'
    const line = printableJson(`${this.#now().toISOString()} ${id} ${text}`.replaceAll('\n', ' '))
    const bytes = Buffer.from(`${line}\n`)
    this.#try(() => {
      const taken = this.#fs.sync!.write(this.#fd!, [bytes], null)
      if (taken < bytes.length) throw new SystemError('ENOSPC', 'write', `${taken} of ${bytes.length} bytes`)
    })
  }

  close(): void {
    const fd = this.#fd
    this.#fd = undefined
    if (fd !== undefined) this.#try(() => this.#fs.sync!.close(fd))
  }

  #try(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.close()
      this.#onFailure(diskError(error, 'write', this.#path))
    }
  }
}

/** What is kept of an event; undefined if nothing is. */
function textOf(event: CliEvent): string | undefined {
  switch (event.event) {
    case 'offer': {
      const { name, entries, bytes, peer } = event
      const from = peer === undefined ? '' : ` from ${peer}`
      return `offer ${printable(name)}, ${counted(entries, 'entry', 'entries')}, ${bytes} bytes${from}`
    }
    case 'warning':
      return `warning ${event.code} ${event.message}`
    case 'error':
      return `error ${event.code} ${event.message} (exit status ${event.exit})`
    case 'file': {
      const { path, status, code, name } = event
      if (status === 'published' && name === undefined) return undefined
      const as = name === undefined ? '' : ` as ${printable(name)}`
      return `file ${status}${code === undefined ? '' : ` ${code}`} ${printable(path)}${as}`
    }
    case 'completed': {
      const { published, skipped, failed, bytes } = event
      return `completed ${published} published, ${skipped} skipped, ${failed} failed, ${bytes} bytes moved`
    }
    default:
      return undefined
  }
}
