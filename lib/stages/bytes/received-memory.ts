import { MessageChannel } from 'node:worker_threads'

/**
 * Frees the memory of what a socket gave, as soon as it was written. The collector would do it much later: it sees
 * small objects and no need to hurry, while each of them holds 64 KiB, and then it looks through everything for them.
 * Only where all stages between are ours: none keeps bytes.
 */
export class ReceivedMemory {
  readonly #received = new WeakSet<ArrayBufferLike>()
  readonly #nowhere = closedPort()

  /** To be told of each chunk that the socket made for us alone. */
  received({ buffer }: Buffer): void {
    this.#received.add(buffer)
  }

  /** Frees these chunks, but for those of which a stage may have other bytes: a frame began or ended in them. */
  free(buffers: readonly Buffer[]): void {
    const whole: ArrayBuffer[] = []
    for (const { buffer, length } of buffers)
      if (length === buffer.byteLength && this.#received.delete(buffer)) whole.push(buffer as ArrayBuffer)
    // what is moved to a port is gone here, and one that is closed keeps nothing: on Node 20 there is no other way
    if (whole.length > 0) this.#nowhere.postMessage(undefined, whole)
  }
}

function closedPort() {
  const { port1, port2 } = new MessageChannel()
  port1.close()
  port2.close()
  return port1
}
