import { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { SluiceError } from '../../errors.js'

/**
 * Bytes of a message at most, of those that are sent and those that are taken: what a stranger can have us hold for
 * each connection.
 */
export const MOST_MESSAGE = 64 * 1024

/** A WebSocket knows no end of one side alone, only the end of both: a message of no bytes says it. */
const END = Buffer.alloc(0)

/**
 * A WebSocket as a Duplex: the bytes travel in binary messages, divided anyhow, and a message of no bytes is the end of
 * the side that sends it. When both sides have ended, the WebSocket is closed; one that closes before is broken.
 */
export class WebSocketStream extends Duplex {
  readonly #socket: WebSocket
  #hasEnded = false

  constructor(socket: WebSocket) {
    super()
    this.#socket = socket
    socket.on('message', this.#came)
    socket.on('error', (error) => this.destroy(error))
    // at its proper end somebody may still have to read
    socket.on('close', () => this.#isThrough || this.destroy(broken()))
  }

  get #isThrough(): boolean {
    return this.#hasEnded && this.writableFinished
  }

  readonly #came = (data: unknown, isBinary: boolean): void => {
    // whoever destroys it wants nothing more of it
    if (this.destroyed) return
    const message = data as Buffer
    if (!isBinary || this.#hasEnded) {
      const what = isBinary ? 'a message behind the end' : 'a message of text'
      this.destroy(new SluiceError('ERR_PROTOCOL', `what came over the WebSocket is ${what}`))
    } else if (message.length === 0) {
      this.#hasEnded = true
      this.push(null)
    } else if (!this.push(message)) this.#socket.pause()
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (chunk.length === 0) return callback()
    let at = 0
    for (; at + MOST_MESSAGE < chunk.length; at += MOST_MESSAGE)
      this.#socket.send(chunk.subarray(at, at + MOST_MESSAGE))
    // told when the system has taken it, and all before it
    this.#socket.send(chunk.subarray(at), callback)
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#socket.send(END, callback)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const socket = this.#socket
    if (socket.readyState === socket.CLOSED) return callback(error)
    socket.once('close', () => callback(error))
    if (error || !this.#isThrough) return socket.terminate()
    socket.resume()
    socket.close()
  }
}

function broken(): SluiceError {
  return new SluiceError('ERR_INTERRUPTED', 'the WebSocket was closed before both sides had ended')
}
