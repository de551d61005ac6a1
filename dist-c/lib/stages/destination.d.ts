import { SluiceError } from '../errors.js';
import type { FileSystem } from '../files/fs.js';
import { type JournalEnd } from '../files/journal.js';
import { PartFile } from '../files/part-file.js';
import type { Durability } from '../files/publish.js';
import type { UnfinishedFile } from '../files/read-journal.js';
import { type Directory, Tree } from '../files/tree.js';
import type { Entry, Offer } from '../wire/manifest.js';
import { ArrivingFolders } from './arriving-folders.js';
export interface DestinationOptions {
    dir: string;
    fs: FileSystem;
    durability: Durability;
    handles: number;
    /** Parts of earlier transfers that are to stay. */
    keep?: (file: UnfinishedFile) => boolean;
    warn?: (warning: SluiceError) => void;
}
/** A file on its way in. */
export interface Arrival {
    entry: Entry;
    part: PartFile;
    /** Its number in the journal. */
    n: number;
    /** How many part names were tried. */
    tries: number;
}
/**
 * The folder that a transfer arrives in: what `partSink` and `finalizer` share. It travels with the offer from one to
 * the other; whoever holds it last closes it. Nothing is opened or made before it is needed.
 */
export declare class Destination {
    #private;
    /** May be raised to 'power' as long as nothing is open. */
    durability: Durability;
    readonly fs: FileSystem;
    readonly folders: ArrivingFolders;
    constructor(options: DestinationOptions);
    /** Keeps it open until {@link release}. */
    hold(): void;
    /** The last one closes all. Unfinished parts stay, and the journal says that they are nobody's now. */
    release(): Promise<void>;
    /** Learns the names of an offer, so that no part and no folder of ours is called like one of them. */
    learn(offer: Offer): Promise<void>;
    /** Fails with `ERR_DISK_FULL`, both numbers in the message, if there is no room for `bytes`. */
    checkRoom(bytes: number): Promise<void>;
    /** Free bytes where the files go; undefined if the system does not say. */
    free(): Promise<number | undefined>;
    /** Adds the numbers to an error of a full disk. */
    explain(error: SluiceError, { path, size }: Entry): Promise<SluiceError>;
    tree(): Promise<Tree>;
    directory(path: string): Promise<Directory>;
    /** Takes files down in the journal, all at once; their folders are made. The parts are still to be created. */
    expect(entries: readonly Entry[]): Promise<Arrival[]>;
    /** Creates the part of a file, under a name that nothing else has. */
    create(arrival: Arrival): Promise<void>;
    /** Data is about to be written. */
    alive(): Promise<void>;
    /** Takes down what became of a file. */
    ended(entry: Entry, end: JournalEnd): Promise<void>;
    /** With 'power': what was published until now may be acknowledged when this resolves. */
    settle(): Promise<void>;
    /** All is done: the journal goes, unless there is something that a later run may go on with. */
    finish(): Promise<void>;
}
