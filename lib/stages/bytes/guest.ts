import { Transform } from 'node:stream'
import { asSluiceError, type Code, messageOf, SluiceError } from '../../errors.js'
import { badOption } from '../../options.js'

// biome-ignore lint/suspicious/noExplicitAny: the types of other streams say more exactly what they take
type Any = any

/**
 * A stage of a user's, which may be a stream of any library: what is used of it. It gives the events 'data', 'end', 'error',
 * 'close', and 'drain' where `write` has returned false. Every Transform and Duplex of `node:stream` (also what
 * `Duplex.from` and `compose` make), `readable-stream`, `through2`, `streamx` and Minipass is one.
 */
export interface StageStream {
  write(chunk: Any, ...more: Any[]): unknown
  end(...more: Any[]): unknown
  pipe(to: Any, ...more: Any[]): unknown
  on(event: Any, listener: (...args: Any[]) => void): unknown
  destroy(error?: Any): unknown
}

/** Makes a stage that is the user's. */
export type Maker = () => StageStream

const GIVEN = new WeakMap<object, number>()

/** Bytes that a stage of {@link makeGuest} was given so far. */
export function bytesGiven(stage: Transform): number {
  return GIVEN.get(stage) ?? 0
}

/** Methods that are called from outside of the stage, by Node or by the stage before it: there is nobody to catch. */
const METHODS = ['write', 'end', '_transform', '_flush', '_write', '_writev', '_final', '_read'] as const

type Method = (...args: unknown[]) => unknown

/**
 * Calls a maker of stages. What the stage throws, or an asynchronous method of it rejects with, becomes its error,
 * `ERR_DESTROYED`: else it would end the process. What it fails with as streams do names it, too. Where there is no stage, since the maker throws or gives none, there is
 * one that fails with that error: without any the bytes would go as they are.
 * @param option where the maker stands, for messages
 */
export function makeGuest(option: string, make: Maker, { ofItems = false } = {}): Transform {
  try {
    const stage = checked(`what ${option} makes`, make() as Transform, ofItems)
    return guarded(option, stage, ofItems ? 'ERR_DESTROYED' : 'ERR_CORRUPT')
  } catch (cause) {
    const message = `a stage of ${option} could not be made: ${messageOf(cause)}`
    const error = new SluiceError('ERR_DESTROYED', message, { cause })
    // not at once: who is given a stream that was destroyed before may wait for it for ever
    const stage = new Transform({ objectMode: ofItems, construct: (done) => done(error) })
    // heard of by whom it is given to, and by nobody if that one is refused before
    return stage.on('error', () => {})
  }
}

/**
 * Whether `_final` is that of a Transform of `node:stream`, or of a copy of it. It calls `_flush`, which is guarded, and is
 * known to its Transform by what it is: with another one in its place `_flush` would be called twice.
 */
export function isFinalOfLibrary(stage: object): boolean {
  let owner: object | null = stage
  while (owner && !Object.hasOwn(owner, '_final')) owner = Object.getPrototypeOf(owner)
  const own = ['_transform', '_write', '_read']
  return owner !== null && owner !== stage && own.every((name) => Object.hasOwn(owner!, name))
}

function checked(what: string, stage: Transform, ofItems: boolean): Transform {
  if (typeof stage?.pipe !== 'function' || typeof stage.write !== 'function')
    throw badOption(what, 'a Transform', stage)
  if (stage.destroyed) throw badOption(what, 'a fresh Transform each time', stage)
  const { readableObjectMode, writableObjectMode } = stage
  if (ofItems && (readableObjectMode === false || writableObjectMode === false))
    throw badOption(what, 'a Transform with objectMode: true', stage)
  return stage
}

/** What a stage fails with by itself gets `code`, unless it is an error of ours. */
function guarded(option: string, stage: Transform, code: Code): Transform {
  const name = () => `${stage.constructor?.name || 'a stage'} of ${option}`
  const failed = (cause: unknown) => {
    const error = new SluiceError('ERR_DESTROYED', `${name()} threw: ${messageOf(cause)}`, {
      cause,
    })
    try {
      stage.destroy(error)
    } catch {
      // it is not to be stopped; whoever waits for it does not wait for ever
    }
    return false
  }
  const methods = stage as unknown as Record<string, Method | undefined>
  for (const name of METHODS) {
    const method = methods[name]
    if (typeof method !== 'function' || (name === '_final' && isFinalOfLibrary(stage))) continue
    methods[name] = function guarded(this: unknown, ...args: unknown[]) {
      try {
        if (name === 'write') GIVEN.set(stage, bytesGiven(stage) + ((args[0] as Buffer)?.length ?? 0))
        const result = method.apply(this, args)
        if (typeof (result as Promise<unknown> | undefined)?.then === 'function')
          (result as Promise<unknown>).then(undefined, failed)
        return result
      } catch (error) {
        return failed(error)
      }
    }
  }
  const { destroy } = stage
  // whatever fails in it ends here, also what it is made of
  if (typeof destroy === 'function')
    stage.destroy = (error) => destroy.call(stage, error && asSluiceError(error, code, `${name()} failed`))
  return stage
}
