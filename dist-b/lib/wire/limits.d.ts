/** The limits of DESIGN.md, section 11: what a peer may ask of us. All sizes in bytes, all times in milliseconds. */
export interface Limits {
    /** Data bytes in one DATA frame. */
    frame: number;
    /** Payload of any other message before the handshake ends. */
    handshakeMessage: number;
    /** Payload of any other message after it. */
    message: number;
    /** Entries in a manifest, and the folders that their paths imply; all offers of a transfer together. */
    entries: number;
    /** Bytes of ENTRIES payloads, all offers of a transfer together. */
    manifest: number;
    /** UTF-8 bytes of a path. */
    path: number;
    /** UTF-8 bytes of one name of a path. */
    name: number;
    /** Names in a path. */
    depth: number;
    /** Nesting of a msgpack payload. */
    msgpackDepth: number;
    /** Items in a list of one message: what is worked off at once, and grows in memory, stays small. */
    list: number;
    /** UTF-8 bytes of an error text. */
    errorText: number;
    /** The whole handshake, in milliseconds. */
    handshakeTimeout: number;
    /** Silence after which the peer is given up, in milliseconds. */
    idleTimeout: number;
    /** Silence after which a PING is sent, in milliseconds. */
    pingInterval: number;
    /** What the peer has for closing its side after the last word, in milliseconds. */
    closeTimeout: number;
}
export declare const DEFAULT_LIMITS: Limits;
