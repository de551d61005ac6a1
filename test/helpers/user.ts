import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { type Identity, identity } from '../../lib/peers/identity.js'
import { fingerprint, showKey } from '../../lib/peers/keys.js'
import { Command, type Ended } from './command.js'
import { temporary } from './folders.js'

type Options = NonNullable<ConstructorParameters<typeof Command>[2]>

/** Somebody with a machine of their own, as far as Sluice knows: a home, and so a key and known peers. */
export interface User {
  home: string
  me: Identity
  /** The key as a word, and for people. */
  key: string
  print: string
  /** Starts the command as this user. */
  start(args: string[], options?: Options): Command
  /** Runs it to its end. */
  run(...args: string[]): Promise<Ended>
}

/** A new user, whose home goes with the test. */
export async function newUser(t: ExecutionContext<unknown>): Promise<User> {
  const home = join(await temporary(t), 'home')
  const me = await identity({ home })
  const start = (args: string[], options: Options = {}) =>
    new Command(t, args, { ...options, env: { SLUICE_HOME: home, SLUICE_TICKET: '', ...options.env } })
  const run = (...args: string[]) => start(args).ended
  return { home, me, key: showKey(me.publicKey), print: fingerprint(me.publicKey), start, run }
}

/** Where a test listens: at this machine only. */
export const HERE = ['--listen', '127.0.0.1:0']
