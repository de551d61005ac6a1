/** The pseudo-random numbers of Mulberry32, from 0 to 1: the same for the same seed, on every machine. */
export declare function randomBySeed(seed: number): () => number;
/** Bytes that cannot be compressed, the same for the same seed. */
export declare function randomContent(length: number, seed?: number): Buffer;
/** `bytes` in pieces of `size` bytes (views). */
export declare function piecesOf(bytes: Buffer, size: number): Buffer[];
/** `bytes` in pieces of random sizes, some of them empty (views). */
export declare function randomPieces(bytes: Buffer, seed: number): Buffer[];
