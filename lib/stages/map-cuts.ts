import { Transform, type TransformCallback } from 'node:stream'
import { digestLength } from '../digest/digests.js'
import { errorOf, isError, isSluiceError, type SluiceError } from '../errors.js'
import { badOption, checkFunction, isBytes } from '../options.js'
import { type Cut, cutsOf, type Run, runOf } from '../wire/run.js'
import { type DigestsItem, failureItem, type Item } from './river/items.js'
import { checkPlace, watchNext } from './river/place.js'

/**
 * What becomes of a cut: itself, or others in its place; nothing, so that it does not pass; or an error, with which its
 * file fails alone, and nothing more of it passes: its code, which may be one of your own (`APP_VIRUS`), and its text
 * are told to the sender.
 */
export type CutChange = Cut | readonly Cut[] | SluiceError | undefined

/**
 * A file stage made of one function, which is called with each cut, in order, and awaited: filters, renames, converts
 * or refuses files. Everything else passes as it is. What may be changed of a cut, and how, is what file stages may do:
 *
 * ```ts
 * receive(socket, { dir, accept, stages: { file: [() => mapCuts((cut) => (isWanted(cut.entry) ? cut : undefined))] } })
 * ```
 * What the function throws fails the stream. Throws `ERR_USAGE` if it is none.
 */
export function mapCuts(change: (cut: Cut) => CutChange | Promise<CutChange>): Transform {
  checkFunction('change', change)
  return new MapCuts(change)
}

function isCut(given: unknown): given is Cut {
  const { entry, bytes } = (given ?? {}) as Partial<Cut>
  return typeof entry?.path === 'string' && isBytes(bytes)
}

function noCut(given: unknown): SluiceError {
  const what = 'what the function of mapCuts() gives'
  const expected =
    'a cut (an entry, and bytes of it), a list of cuts, undefined, or a SluiceError that its file fails with'
  if (!isError(given)) return badOption(what, expected, given)
  const found = `${given.name} with the code ${(given as { code?: unknown }).code}`
  return badOption(what, `${expected}, whose code is one of ours or begins with APP_`, found, {
    cause: given,
  })
}

class MapCuts extends Transform {
  readonly #change: (cut: Cut) => CutChange | Promise<CutChange>
  /** Bytes of a digest. */
  #slot = 1
  /** Files that were refused, and of which more may come. */
  readonly #refused = new Set<number>()

  constructor(change: (cut: Cut) => CutChange | Promise<CutChange>) {
    super({ objectMode: true, highWaterMark: 1 })
    this.#change = change
    watchNext('mapCuts', this)
  }

  override _transform(item: Item, _encoding: BufferEncoding, done: TransformCallback): void {
    if (item.kind === 'run') {
      this.#run(item).then(
        () => done(),
        (thrown) => done(errorOf(thrown)),
      )
      return
    }
    try {
      checkPlace('mapCuts', item)
    } catch (error) {
      done(error as Error)
      return
    }
    if (item.kind === 'offer') this.#slot = digestLength(item.offer.algorithm)
    if (item.kind === 'digests') this.#forget(item)
    done(null, item)
  }

  async #run(run: Run): Promise<void> {
    const cuts: Cut[] = []
    const refusals: DigestsItem[] = []
    for (const cut of cutsOf(run)) {
      const { index } = cut.entry
      if (this.#refused.has(index)) continue
      const changed = await this.#change(cut)
      if (this.destroyed) return
      if (isSluiceError(changed)) {
        this.#refused.add(index)
        refusals.push(failureItem(index, changed, this.#slot))
        continue
      }
      for (const one of [changed ?? []].flat()) {
        if (!isCut(one)) throw noCut(one)
        cuts.push(one)
      }
    }
    if (cuts.length > 0) this.push(runOf(run, cuts))
    for (const refusal of refusals) this.push(refusal)
  }

  /** Nothing more of these comes without being asked for. */
  #forget({ first, count }: DigestsItem): void {
    for (const index of this.#refused)
      if (index >= first && index < first + count) this.#refused.delete(index)
  }
}
