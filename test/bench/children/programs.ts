import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, mkdirSync, readdirSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import type * as filesLibrary from '../../../lib/files/index.js'
import type * as sluiceLibrary from '../../../lib/index.js'

/** A way to move a folder over a connected socket, into a folder of the same name under `target`. */
export interface Program {
  send(socket: Socket, source: string): Promise<void>
  receive(socket: Socket, target: string, name: string): Promise<void>
  /** The receiver says something when the sender has said all. */
  halfOpen?: boolean
}

export type ProgramOptions = { kind: 'tar-fs' } | { kind: 'pipeline' } | SluiceOptions

export interface SluiceOptions {
  kind: 'sluice'
  /** The folder of what the package exports, which may be that of another checkout. */
  library: string
  /** What is not given is as the library chooses. */
  algorithm?: string
  durability?: 'crash' | 'power'
  /** Milliseconds that each write at the receiver takes longer. */
  writeDelay?: number
}

export function makeProgram(options: ProgramOptions): Promise<Program> | Program {
  if (options.kind === 'sluice') return sluice(options)
  return options.kind === 'tar-fs' ? tarFs() : nodePipeline
}

/** `tar-fs` at both ends, nothing between: no digest, no answer. */
async function tarFs(): Promise<Program> {
  const { pack, extract } = await import('tar-fs')
  return {
    send: (socket, source) => pipeline(pack(source), socket),
    receive: (socket, target, name) => pipeline(socket, extract(join(target, name))),
  }
}

/** What a program would write by hand for one file: a digest on the way at both ends, which are compared. */
const nodePipeline: Program = {
  halfOpen: true,
  send: async (socket, source) => {
    const { stream, digest } = digesting()
    const answer = buffer(socket)
    await pipeline(createReadStream(join(source, onlyFile(source))), stream, socket)
    if (!digest().equals(await answer)) throw new Error('the digests differ')
  },
  receive: async (socket, target, name) => {
    const { stream, digest } = digesting()
    mkdirSync(join(target, name))
    await pipeline(socket, stream, createWriteStream(join(target, name, 'large.bin')))
    socket.end(digest())
  },
}

function digesting(): { stream: Transform; digest: () => Buffer } {
  const hash = createHash('sha256')
  const stream = new Transform({
    transform: (chunk, _encoding, done) => {
      hash.update(chunk)
      done(null, chunk)
    },
  })
  return { stream, digest: () => hash.digest() }
}

function onlyFile(folder: string): string {
  const [name, ...others] = readdirSync(folder)
  if (name === undefined || others.length > 0) throw new Error(`one file is expected in ${folder}`)
  return name
}

/** Sluice as a server uses it. */
async function sluice({ library, algorithm, durability, writeDelay }: SluiceOptions): Promise<Program> {
  const load = (path: string) => import(pathToFileURL(join(library, path)).href)
  const { send, receive }: typeof sluiceLibrary = await load('index.js')
  const disk = async (delay: number) => {
    const { nodeFileSystem }: typeof filesLibrary = await load('files/index.js')
    return slowDisk(nodeFileSystem, delay)
  }
  const fs = writeDelay === undefined ? {} : { fs: await disk(writeDelay) }
  return {
    send: async (socket, source) => {
      await send(socket, [source], { algorithm }).finished
    },
    receive: async (socket, dir) => {
      await receive(socket, { dir, accept: 'all', durability, ...fs }).finished
    },
  }
}

/** A disk on which each write takes `delay` milliseconds longer. */
function slowDisk(fs: typeof filesLibrary.nodeFileSystem, delay: number): typeof fs {
  return {
    ...fs,
    write: async (fd, buffers, position) => {
      await wait(delay)
      return fs.write(fd, buffers, position)
    },
  }
}
