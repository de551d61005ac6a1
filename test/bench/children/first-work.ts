import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

type Call = (...args: unknown[]) => unknown

/** What may be the first that is asked of a path. */
const CALLS = ['access', 'lstat', 'open', 'opendir', 'readdir', 'realpath', 'stat']
const MODULES = [fs, fs.promises] as unknown as Record<string, Call>[]
const CONNECTION = 'net.server.socket'

/**
 * Calls back once, when the process has been started and begins to work: with its first call to the file system about
 * `source`, or when somebody connects to it. Until then it loads its modules and reads its arguments, which is neither
 * more nor less for a large transfer.
 */
export function onFirstWork(source: string | null, begins: () => void): void {
  const restores: (() => void)[] = []
  const begin = () => {
    for (const restore of restores.splice(0)) restore()
    syncBuiltinESMExports()
    unsubscribe(CONNECTION, begin)
    begins()
  }
  subscribe(CONNECTION, begin)
  if (source === null) return
  const look = (path: unknown) => {
    if (restores.length > 0 && String(path).startsWith(source)) begin()
  }
  for (const module of MODULES)
    for (const name of CALLS.flatMap((call) => [call, `${call}Sync`])) {
      const call = module[name]
      if (!call) continue
      module[name] = watched(call, look)
      restores.push(() => {
        module[name] = call
      })
    }
  syncBuiltinESMExports()
}

/** The same function, with its properties (`realpath.native`). */
function watched(call: Call, look: (path: unknown) => void): Call {
  const wrapper = function (this: unknown, ...args: unknown[]) {
    look(args[0])
    return call.apply(this, args)
  }
  return Object.assign(wrapper, call)
}
