import type { Duplex } from 'node:stream'
import { Transfers } from '../../lib/index.js'
import { duplexPair } from '../../lib/testing/index.js'

/** How long it takes until a connection is closed whose other side does not close it. */
export const LIMITS = { closeTimeout: 50 }

/** A receiver into a folder, and connections to it that are lost when somebody says so. */
export function losable(dir: string) {
  const transfers = new Transfers({ receive: () => ({ dir, accept: 'all', limits: LIMITS }) })
  let ends: readonly Duplex[] = []
  return {
    transfers,
    connect() {
      const [near, far] = duplexPair()
      ends = [near, far]
      transfers.handle(far).catch(() => {})
      return near
    },
    lose() {
      for (const end of ends) end.destroy()
    },
  }
}
