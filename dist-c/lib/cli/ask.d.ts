import type { Offer } from '../wire/manifest.js';
import type { Io } from './reporter.js';
/** What an offer is, in lines for people: number, bytes, room, names; everything escaped. */
export declare function describeOffer(offer: Offer, free: number | null): string[];
/** Asks on the terminal whether an offer is taken. */
export declare function confirmOffer(io: Io, signal: AbortSignal): Promise<boolean>;
