import { commandFileSystem } from '../../files/disk/node-fs.js'
import { identity } from '../../peers/identity.js'
import { fingerprint, showKey } from '../../peers/keys.js'
import type { Context } from '../ui/context.js'

/**
 * `sluice identity`: prints the public key of the user, which is made if there is none; people get its fingerprint,
 * too.
 */
export async function identityCommand({ reporter }: Context): Promise<void> {
  const { publicKey } = await identity({ fs: commandFileSystem })
  const [key, print] = [showKey(publicKey), fingerprint(publicKey)]
  reporter.result({ event: 'identity', key, fingerprint: print }, key, 'word')
  reporter.note(`fingerprint: ${print}`)
}
