import { Transform } from 'node:stream'
import type { Owed } from '../../async.js'
import { asSluiceError, isError, messageOf, SluiceError } from '../../errors.js'
import { badOption, checkFunction, checkOption, type Keys } from '../../options.js'

// biome-ignore lint/suspicious/noExplicitAny: the types of other streams say more exactly what they take
type Any = any

/**
 * A stage of a user's, which may be a stream of any library: what is used of it. Besides it gives the events 'data',
 * 'end', 'error', and 'drain' where `write` has returned false: through its own `emit`; and 'close', if its library has
 * that. It ends when its input has, and not before; it is stopped by `destroy`. Every Transform and Duplex of
 * `node:stream` (also what `Duplex.from` and `compose` make), `readable-stream`, `through2`, `streamx` and Minipass is
 * one.
 */
export interface StageStream {
  write(chunk: Any, ...more: Any[]): unknown
  end(...more: Any[]): unknown
  pipe(to: Any, ...more: Any[]): unknown
  pause(): unknown
  resume(): unknown
  on(event: Any, listener: (...args: Any[]) => void): unknown
  once(event: Any, listener: (...args: Any[]) => void): unknown
  removeListener(event: Any, listener: (...args: Any[]) => void): unknown
  emit(event: Any, ...args: Any[]): unknown
  destroy(error?: Any): unknown
}

const USED = Object.keys({
  write: true,
  end: true,
  pipe: true,
  pause: true,
  resume: true,
  on: true,
  once: true,
  removeListener: true,
  emit: true,
  destroy: true,
} satisfies Keys<StageStream>)

/** Makes a stage that is the user's. */
export type Maker = () => StageStream

const GIVEN = new WeakMap<object, number>()

/** Bytes that a stage of {@link makeForeignStage} was given so far. */
export function bytesGiven(stage: Transform): number {
  return GIVEN.get(stage) ?? 0
}

interface Done {
  option: string
  /** Whether all that goes in has gone in, and all that comes out has come out, or is not waited for any more. */
  isInputEnded: boolean
  hasEnded: boolean
  /** How often it was given something, or gave something. */
  times: number
}
const DONE = new WeakMap<object, Done>()

/** A stage is needed no longer, wherever it is: that it will be stopped is not its fault, and no error. */
export function dismiss(stage: Transform): void {
  const done = DONE.get(stage)
  if (done) done.hasEnded = true
}

/** What a stage has been given, and has not passed on; nothing where the next one does not take what it gives. */
export function* owedBy(stage: Transform): Generator<Owed, void> {
  const done = DONE.get(stage)
  if (!done || stage.destroyed || stage.readableLength > 0) return
  // those of other libraries do not all say what they hold
  if (stage.writableLength > 0 || (done.isInputEnded && !done.hasEnded))
    yield {
      text: `${nameOfStage(stage, done.option)} has given nothing`,
      what: `${done.option}: ${done.times}`,
    }
}

/** Methods that are called from outside of the stage, by Node or by the stage before it: there is nobody to catch. */
const METHODS = ['write', 'end', '_transform', '_flush', '_write', '_writev', '_final', '_read'] as const

type Method = (...args: unknown[]) => unknown

/** Streams that were stages: of two that use one, each would get what is for the other. */
const TAKEN = new WeakSet<object>()

/**
 * Calls a maker of stages. What the stage throws, or an asynchronous method of it rejects with, becomes its error,
 * `ERR_DESTROYED`: else it would end the process. So does what a stage must not do: stop by a bare `destroy()`, end
 * before its input, give what are no bytes. What it fails with as streams do names it, too. Where there is no stage,
 * since the maker throws or gives none, there is one that fails with that error: without any the bytes would go as they
 * are.
 * @param option where the maker stands, for messages
 */
export function makeForeignStage(option: string, make: Maker, { ofItems = false } = {}): Transform {
  try {
    return guarded(option, takeStage(`what ${option} makes`, make(), ofItems), ofItems)
  } catch (cause) {
    const message = `${option} could not be made: ${messageOf(cause)}`
    const error = new SluiceError('ERR_DESTROYED', message, { cause })
    // not at once: who is given a stream that was destroyed before may wait for it for ever
    const stage = new Transform({ objectMode: ofItems, construct: (done) => done(error) })
    // heard of by whom it is given to, and by nobody if that one is refused before
    return stage.on('error', () => {})
  }
}

/**
 * Whether `_final` is that of a Transform of `node:stream`, or of a copy of it. It calls `_flush`, which is guarded,
 * and is known to its Transform by what it is: with another one in its place `_flush` would be called twice.
 */
export function isFinalOfLibrary(stage: object): boolean {
  let owner: object | null = stage
  while (owner && !Object.hasOwn(owner, '_final')) owner = Object.getPrototypeOf(owner)
  const own = ['_transform', '_write', '_read']
  return owner !== null && owner !== stage && own.every((name) => Object.hasOwn(owner!, name))
}

/** A stage that is used from now on. Throws `ERR_USAGE` for what is none, or was used before. */
export function takeStage(what: string, made: StageStream | undefined, ofItems = false): Transform {
  // of whatever library: it has what is used of a Transform
  const stage = made as Transform
  const missing = USED.filter((name) => typeof stage?.[name as keyof StageStream] !== 'function')
  const lacks = missing.length < USED.length && `, which has ${missing.join(', ')}`
  if (missing.length > 0) throw badOption(what, `a Transform${lacks || ''}`, stage)
  const isFresh = !TAKEN.has(stage) && !stage.destroyed
  if (!isFresh) throw badOption(what, 'a fresh Transform each time, which nobody has used', stage)
  const { readableObjectMode, writableObjectMode } = stage
  if (ofItems && (readableObjectMode === false || writableObjectMode === false))
    throw badOption(what, 'a Transform with objectMode: true', stage)
  TAKEN.add(stage)
  return stage
}

/** What it is called in messages. */
export function nameOfStage(stage: object, option: string): string {
  return `${stage.constructor?.name || 'a stage'} of ${option}`
}

/** Errors of the language. Those of Node, which also tells of bytes that it cannot read by them, have a code. */
const OF_LANGUAGE: readonly string[] = ['TypeError', 'ReferenceError', 'RangeError']
/** Codes, most of them of Node, for a call that is wrong, whatever the bytes are. */
const OF_CALL =
  /^ERR_(DESTROYED$|INVALID_(ARG|STATE|THIS|RETURN)|STREAM_|MULTIPLE_CALLBACK$|METHOD_NOT_IMPLEMENTED$)/

/** Whether the program made a mistake: then no bytes are to blame. */
function isMistake(cause: unknown): boolean {
  if (!isError(cause)) return false
  const { code } = cause as { code?: unknown }
  return code === undefined ? OF_LANGUAGE.includes(cause.name) : OF_CALL.test(String(code))
}

/**
 * What a stage fails with by itself is of the user's side: of bytes that cannot be read, or of a stage that stopped.
 */
function guarded(option: string, stage: Transform, ofItems: boolean): Transform {
  const name = nameOfStage(stage, option)
  const named = (cause: unknown) => {
    const code = ofItems || isMistake(cause) ? 'ERR_DESTROYED' : 'ERR_CORRUPT'
    return asSluiceError(cause, code, `${name} failed`)
  }
  const wrong = (what: string, cause?: unknown) =>
    new SluiceError('ERR_DESTROYED', `${name} ${what}`, { cause })
  const failed = (cause: unknown) => {
    stage.destroy(wrong(`threw: ${messageOf(cause)}`, cause))
    return false
  }
  const done: Done = { option, isInputEnded: false, hasEnded: false, times: 0 }
  DONE.set(stage, done)
  let hasFailed = false
  const methods = stage as unknown as Record<string, Method | undefined>
  for (const name of METHODS) {
    const method = methods[name]
    if (typeof method !== 'function' || (name === '_final' && isFinalOfLibrary(stage))) continue
    methods[name] = function guarded(this: unknown, ...args: unknown[]) {
      try {
        if (name === 'write') GIVEN.set(stage, bytesGiven(stage) + ((args[0] as Buffer)?.length ?? 0))
        if (name === 'end') done.isInputEnded = true
        if (name === 'write') done.times += 1
        const result = method.apply(this, args)
        if (typeof (result as Promise<unknown> | undefined)?.then === 'function')
          (result as Promise<unknown>).then(undefined, failed)
        return result
      } catch (error) {
        return failed(error)
      }
    }
  }
  const { destroy, emit } = stage
  // whatever fails in it ends here, also what it is made of
  stage.destroy = (error) => {
    const why = error ? named(error) : undefined
    try {
      destroy.call(stage, why ?? (done.hasEnded ? undefined : wrong(STOPPED)))
    } catch {
      // it is not to be stopped; whoever waits for it does not wait for ever
    }
    return stage
  }
  const tell = (event: unknown, ...args: unknown[]): boolean => emit.call(stage, event as string, ...args)
  // all that it says goes through here: what it must not say becomes an error, which nobody takes for the next stage's
  stage.emit = (event: unknown, ...args: unknown[]) => {
    if (event === 'error') {
      hasFailed = true
      return tell(event, named(args[0]))
    }
    if (event === 'data' && !ofItems && !ArrayBuffer.isView(args[0])) {
      stage.destroy(wrong(`gives ${typeof args[0] === 'string' ? 'texts' : 'objects'}, not bytes`))
      return false
    }
    if (event === 'data') done.times += 1
    if (event === 'end') {
      done.hasEnded = true
      if (!done.isInputEnded) return !stage.destroy(wrong('ended before its input did'))
    }
    if (event === 'close' && !done.hasEnded && !hasFailed) stage.emit('error', wrong(STOPPED))
    return tell(event, ...args)
  }
  // once it was stopped, nobody else may listen
  return stage.on('error', () => {})
}

const STOPPED = 'was destroyed before its end'

/** Checks the makers of file stages; throws `ERR_USAGE`. */
export function checkFileStages(makers: readonly unknown[] = []): void {
  checkOption('stages.file', makers, Array.isArray(makers), 'a list of functions that make a Transform')
  for (const [at, make] of makers.entries())
    checkFunction(`stages.file[${at}]`, make, 'a function that makes a Transform, as () => mapCuts(…)')
}
