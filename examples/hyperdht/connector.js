// A connector of one's own: peers are reached by their public key, wherever they are, also behind a router (NAT).
import { once } from 'node:events'
import { SluiceError } from 'sluice'

const SCHEME = 'hyperdht:'
const ADDRESS = /^hyperdht:([0-9a-f]{64})$/i

/** Waits for an event; the error of the stream, or the signal, may be sooner. */
const told = (stream, event, signal) => once(stream, event, { signal })

/**
 * Connects to `hyperdht:KEY`, the public key of the listener in hexadecimal digits, and listens by a key pair of `dht`.
 *
 * @param dht a node of the package hyperdht, which whoever made it destroys
 * @param {object} [keyPair] by which it is known; by default that of the node
 * @returns {import('sluice/peers').Connector}
 */
export function hyperdht(dht, keyPair = dht.defaultKeyPair) {
  return {
    takes: (address) => address.startsWith(SCHEME),

    async connect(address, { signal } = {}) {
      const [, key] = ADDRESS.exec(address) ?? []
      if (key === undefined)
        throw new SluiceError(
          'ERR_USAGE',
          `"${address}" is not an address; write ${SCHEME} and 64 hexadecimal digits`,
        )
      signal?.throwIfAborted()
      const stream = dht.connect(Buffer.from(key, 'hex'), { keyPair })
      try {
        await told(stream, 'open', signal)
        return stream
      } catch (cause) {
        stream.on('error', () => {}).destroy()
        if (signal?.aborted) throw signal.reason
        throw new SluiceError('ERR_UNREACHABLE', `${address} cannot be reached: ${cause.message}`, { cause })
      }
    },

    async listen(address, { signal, onConnection }) {
      if (address !== SCHEME)
        throw new SluiceError('ERR_USAGE', `it listens at "${SCHEME}", by the key of the node`)
      signal?.throwIfAborted()
      const server = dht.createServer((stream) => {
        stream.on('error', () => {})
        onConnection(stream, { address: stream.rawStream?.remoteHost })
      })
      await server.listen(keyPair)
      const close = async () => {
        signal?.removeEventListener('abort', close)
        await server.close()
      }
      signal?.addEventListener('abort', close)
      return { addresses: [`${SCHEME}${keyPair.publicKey.toString('hex')}`], close }
    },
  }
}
