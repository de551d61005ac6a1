/**
 * Looks at a number in every turn of the event loop: `stop` gives by how much it grew within one turn at most. What is
 * done in slices lets it grow by a slice.
 */
export function growth(number: () => number): { stop(): number } {
  let most = 0
  let before = number()
  let isOver = false
  const look = () => {
    const now = number()
    most = Math.max(most, now - before)
    before = now
    if (!isOver) setImmediate(look)
  }
  setImmediate(look)
  return {
    stop() {
      isOver = true
      look()
      return most
    },
  }
}
