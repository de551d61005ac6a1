/**
 * Makes one run serve many: calls that come while `act` runs share the next run, since the one that runs may have
 * begun before what they want covered. A run begins after the caller's turn, so that calls of one turn share it too.
 */
export function sharedRuns(act: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> = Promise.resolve()
  let waiting: Promise<void> | undefined
  return () => {
    waiting ??= running
      .catch(() => {})
      .then(() => {
        running = waiting!
        waiting = undefined
        return act()
      })
    return waiting
  }
}
