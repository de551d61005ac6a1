import type { Readable } from 'node:stream'
import type { SourceStore } from './sources.js'

/** A store of one file whose bytes are read from a stream, once. Closing it destroys the stream. */
export function streamSource(stream: Readable): SourceStore {
  // it may fail before it is read; that is heard of when it is
  stream.on('error', () => {})
  return {
    rereadable: () => false,
    stream: () => stream,
    close: () => void stream.destroy(),
  }
}
