import { type FileSystem } from './fs.js';
/** Anything that digests; what `createHash` gives. */
export interface Hasher {
    update(bytes: Uint8Array): unknown;
    digest(): Buffer;
}
/** The digest of all that stands in an open file. */
export declare function digestFile(fs: FileSystem, fd: number, hasher: Hasher): Promise<Buffer>;
