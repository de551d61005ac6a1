import { joinRuns, type Run, sliceRun } from '../../wire/run.js'

/** Bytes of a file that is worth waiting for, until all of it is there: a part of its own costs more. */
const SMALL = 64 * 1024
/** Buffers in which it may lie. */
const MOST_BUFFERS = 16

/**
 * A socket cuts its bytes anywhere, so that most runs end in the middle of a file. The beginning of a small file is
 * kept until the next run brings the rest, and joined to it: then the file is whole, and is stored together with
 * others.
 */
export class RunJoiner {
  #tail: Run | undefined

  /** Gives the runs that are to be written now: this one with the beginning that was kept, less what is kept of it. */
  take(run: Run): Run[] {
    const runs: Run[] = []
    const tail = this.#tail
    this.#tail = undefined
    let joined = run
    if (tail && run.first === tail.last && run.offset === tail.length && !run.cuts)
      joined = joinRuns(gathered(tail), run)
    else if (tail) runs.push(tail)
    if (this.#keeps(joined)) {
      this.#tail = sliceRun(joined, joined.last, joined.last)
      if (joined.first < joined.last) runs.push(sliceRun(joined, joined.first, joined.last - 1))
    } else runs.push(joined)
    return runs
  }

  /** The beginning that was kept, of a file from `first` on; nothing more of it is waited for. */
  flush(first = 0, count = Number.POSITIVE_INFINITY): Run[] {
    const tail = this.#tail
    if (!tail || tail.last < first || tail.last >= first + count) return []
    this.#tail = undefined
    return [tail]
  }

  #keeps({ cuts, ends, first, last, offset, entries }: Run): boolean {
    if (cuts || ends || (first === last && offset > 0)) return false
    const { size } = entries[last]!
    return size !== null && size <= SMALL
  }
}

/**
 * Makes one buffer of a tail that lies in very many: a peer that sends byte by byte must not cost a buffer for each.
 */
function gathered(tail: Run): Run {
  if (tail.buffers.length < MOST_BUFFERS) return tail
  return { ...tail, buffers: [Buffer.concat(tail.buffers, tail.length)] }
}
