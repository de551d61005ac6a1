import { Transform, type TransformCallback } from 'node:stream'

export type Transforming = (this: Transform, chunk: Buffer, callback: TransformCallback) => void

/** Passes on what comes. */
export const pass: Transforming = (chunk, callback) => callback(null, chunk)

/** A Transform made of one function, with some of its methods replaced. */
export function transforming(transform: Transforming, rest: Partial<Transform> = {}): Transform {
  const stage = new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      transform.call(this, chunk, callback)
    },
  })
  return Object.assign(stage, rest)
}
