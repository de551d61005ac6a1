import type { ExecutionContext } from 'ava'

/**
 * Nothing takes any time in this test, which is a serial one: otherwise a busy machine would be taken for a slow disk,
 * that is left to other threads.
 */
export function stopClock(t: ExecutionContext): void {
  const real = performance.now
  performance.now = () => 0
  t.teardown(() => {
    performance.now = real
  })
}
