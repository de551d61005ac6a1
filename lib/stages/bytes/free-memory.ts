import { MessageChannel, type MessagePort } from 'node:worker_threads'

let nowhere: MessagePort | undefined

/**
 * Frees the memory of buffers of which nobody else has a view: they are empty afterwards. The collector would do it
 * much later: it sees small objects and no need to hurry, while each of them holds a lot of memory. And what is used
 * again at once is still in the caches of the processor. Parts of a memory are left alone.
 */
export function freeMemory(buffers: readonly Buffer[]): void {
  const whole = buffers.filter(({ buffer, length }) => length > 0 && length === buffer.byteLength)
  if (whole.length === 0) return
  nowhere ??= closedPort()
  // what is moved to a port is gone here, and one that is closed keeps nothing: on Node 20 there is no other way
  nowhere.postMessage(
    undefined,
    whole.map(({ buffer }) => buffer as ArrayBuffer),
  )
}

function closedPort(): MessagePort {
  const { port1, port2 } = new MessageChannel()
  port1.close()
  port2.close()
  return port1
}
