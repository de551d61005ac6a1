import { once } from 'node:events'
// A socket is made by the system itself, at a real path: a file system that is injected could not hold it.
import { chmod, link, lstat, mkdtemp, rm, rmdir, unlink } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { platform } from 'node:process'
import { isSluiceError, messageOf, printable, SluiceError } from '../../errors.js'
import { errorCode } from '../../files/disk/disk-error.js'
import { checkLocalPath } from '../../options.js'
import { schemeOf } from './address.js'
import { unreachable } from './connection-error.js'
import type { Connector } from './connector.js'
import { checkConnecting, checkListening, handOver, listeningUntil, surviveAccept } from './listening.js'
import { untilAborted } from './resolve.js'

/** Bytes of a path that fit into `sun_path`, with the NUL behind them: of Linux, and of macOS and the BSDs. */
const LONGEST = platform === 'linux' ? 107 : 103

/** Codes of the system for what this user may not do. */
const DENIED = new Set(['EACCES', 'EPERM', 'EROFS'] as (string | undefined)[])

/** A folder of our own beside the socket, in which it is made; its name ends with six characters. */
const MAKING = '.s-'

/**
 * Connections over a Unix domain socket, `unix:PATH`; on Windows a named pipe, `unix:\\.\pipe\NAME`. Only the user who
 * listens, and root, can connect (mode 0600). A socket that a process has left behind is replaced, one at which
 * somebody listens never. It is removed when the listener closes.
 */
export function unix(): Connector {
  return {
    takes: (address) => schemeOf(address) === 'unix',
    async connect(address, options = {}) {
      checkConnecting(options)
      const path = pathOf(address)
      checkLength(path, path)
      options.signal?.throwIfAborted()
      const socket = connect({ path, allowHalfOpen: true })
      try {
        await untilAborted(once(socket, 'connect'), options.signal)
        // whoever gets it may listen to its errors only later
        return socket.on('error', () => {})
      } catch (error) {
        socket.destroy()
        if (options.signal?.aborted) throw options.signal.reason
        throw noConnection(error, path)
      }
    },
    async listen(address, options) {
      checkListening(options)
      const { signal, onConnection } = options
      const path = pathOf(address)
      signal?.throwIfAborted()
      const server = createServer({ allowHalfOpen: true }, (socket) => handOver(socket, onConnection))
      const remove = await listenAtPath(server, path)
      return listeningUntil(signal, [`unix:${path}`], async () => {
        server.close()
        await remove()
      })
    },
  }
}

function pathOf(address: string): string {
  const path = address.replace(/^unix:/i, '')
  checkLocalPath('the path behind unix:', path)
  return resolve(path)
}

const shown = (path: string) => `unix:${printable(path, 300)}`

/** Whether the system takes the path of the socket, and that of where it is made: it might take the beginning of it. */
function checkLength(path: string, place: string): void {
  if (platform === 'win32' || Buffer.byteLength(place) <= LONGEST) return
  const more = Buffer.byteLength(place) - LONGEST
  const message = `the path of ${shown(path)} is too long for a socket, by ${more} bytes; choose a shorter one`
  throw new SluiceError('ERR_USAGE', message, { path })
}

function noConnection(cause: unknown, path: string): SluiceError {
  const where = shown(path)
  const failed = (message: string) => new SluiceError('ERR_UNREACHABLE', message, { cause, path })
  if (DENIED.has(errorCode(cause)))
    return failed(`${where} is not open to this user; only who listens there, and root, may connect`)
  if (errorCode(cause) === 'ENOENT') return failed(`nobody listens at ${where}; start the other side first`)
  return unreachable(cause, where)
}

/**
 * The socket is made in a folder that nobody else can enter, and gets its name when it has its mode: nobody can connect
 * in between. A link takes no name that is taken.
 * @returns what removes it, if it is still ours
 */
async function listenAtPath(server: Server, path: string): Promise<() => Promise<void>> {
  if (platform === 'win32') {
    await listenAt(server, path, path)
    return async () => {}
  }
  const folder = join(dirname(path), MAKING)
  const place = (made: string) => join(made, 's')
  checkLength(path, place(`${folder}xxxxxx`))
  checkLength(path, path)
  const made = await mkdtemp(folder).catch((error) => {
    throw notMade(error, path)
  })
  try {
    await listenAt(server, place(made), path)
    await chmod(place(made), 0o600)
    const ours = await inodeOf(place(made))
    await giveName(place(made), path)
    return async () => {
      if ((await inodeOf(path)) === ours) await rm(path, { force: true })
    }
  } catch (error) {
    server.close()
    throw notMade(error, path)
  } finally {
    // not with all that is in it: that would be somebody's file
    await rm(place(made), { force: true })
    await rmdir(made).catch(() => {})
  }
}

async function listenAt(server: Server, place: string, path: string): Promise<void> {
  server.listen({ path: place })
  await once(server, 'listening').catch((error) => {
    throw errorCode(error) === 'EADDRINUSE' ? taken(path) : notMade(error, path)
  })
  surviveAccept(server)
}

/**
 * Gives a socket, at which is listened, a name; one that was left behind under it is removed first. Of several who see
 * the same one left behind, only who has the name of its claim removes it: else one could remove what another has put
 * there since. A claim is a name of the same kind: one that was left behind is removed in the same way.
 */
async function giveName(socket: string, path: string): Promise<void> {
  for (;;) {
    try {
      return await link(socket, path)
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error
    }
    const left = await inodeOf(path)
    if (left === undefined) continue
    if (await isInUse(path)) throw taken(path)
    const claim = join(dirname(path), `${MAKING}${left.toString(36).slice(-8).padStart(8, '0')}`)
    await giveName(socket, claim).catch((error) => {
      throw isSluiceError(error) ? taken(path) : error
    })
    try {
      // the number may be that of another one by now
      if ((await inodeOf(path)) === left && !(await isInUse(path))) await unlink(path)
    } catch (error) {
      // of another user, in a folder in which each may remove only what is theirs
      throw DENIED.has(errorCode(error)) ? taken(path) : error
    } finally {
      await rm(claim)
    }
  }
}

/** Whether a path has something that is not to be replaced: all but a socket at which nobody listens. */
async function isInUse(path: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => undefined)
  if (stats === undefined) return false
  if (!stats.isSocket()) return true
  let socket: Socket | undefined
  try {
    socket = connect({ path })
    await once(socket, 'connect')
    return true
  } catch (error) {
    return errorCode(error) !== 'ECONNREFUSED' && errorCode(error) !== 'ENOENT'
  } finally {
    socket?.destroy()
  }
}

function notMade(cause: unknown, path: string): SluiceError {
  if (isSluiceError(cause)) return cause
  const why = { ENOENT: 'its folder is not there', ENOTDIR: 'what should be its folder is a file' }[
    errorCode(cause) ?? ''
  ]
  const reason = DENIED.has(errorCode(cause))
    ? 'nothing can be made in its folder'
    : (why ?? printable(messageOf(cause), 300))
  return new SluiceError('ERR_USAGE', `cannot listen at ${shown(path)}: ${reason}`, { cause, path })
}

function taken(path: string): SluiceError {
  const message = `the address ${shown(path)} is in use, or something else has that name; choose another path`
  return new SluiceError('ERR_USAGE', message, { path })
}

/** The number of a file, while it has it: another one may get it afterwards. */
async function inodeOf(path: string): Promise<bigint | undefined> {
  const stats = await lstat(path, { bigint: true }).catch(() => undefined)
  return stats?.ino
}
