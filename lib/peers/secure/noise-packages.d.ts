// What is used of two packages that have no types of their own.

declare module 'noise-handshake' {
  interface KeyPair {
    readonly publicKey: Uint8Array
    readonly secretKey: Uint8Array
  }

  /** One side of a handshake. */
  class NoiseState {
    constructor(pattern: 'XK' | 'IK' | 'NN', initiator: boolean, pair: KeyPair, options: { curve: unknown })
    /** @param remoteStatic what the pattern asks the initiator to know beforehand */
    initialise(prologue: Uint8Array, remoteStatic?: Uint8Array): void
    send(payload?: Uint8Array): Uint8Array
    /** Throws when the message does not open. */
    recv(message: Uint8Array): Uint8Array
    /** After the last message: the keys to send and to receive with, the hash, and who the other side is. */
    readonly tx: Uint8Array
    readonly rx: Uint8Array
    readonly hash: Uint8Array
    readonly rs: Uint8Array
  }

  export = NoiseState
}

declare module 'noise-curve-ed' {
  const curve: object
  export = curve
}
