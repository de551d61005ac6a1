/** The types of frames. Below 0x20 they belong to the river and are strictly ordered; talk may overtake. */
export declare const FrameType: Readonly<{
    OFFER: 1;
    ENTRIES: 2;
    DATA: 3;
    DIGESTS: 4;
    END: 5;
    HELLO: 32;
    ANSWER: 33;
    SIGNATURE: 34;
    OUTCOMES: 35;
    PAUSE: 36;
    RESUME: 37;
    CANCEL: 38;
    PING: 39;
    RESULT: 40;
    ERROR: 41;
}>;
/** Whether a frame of this type belongs to the conversation. */
export declare function isTalk(type: number): boolean;
/** Bytes of a header: type u8, length of the payload u32be. */
export declare const HEADER_BYTES = 5;
/** Bytes of the position u64be that a DATA payload begins with. */
export declare const POSITION_BYTES = 8;
/** The header of a message whose payload has `length` bytes. */
export declare function frameHeader(type: number, length: number): Buffer;
/** Header and position of a DATA frame with `length` bytes of data. */
export declare function dataHeader(position: number, length: number): Buffer;
