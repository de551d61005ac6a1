/** Lets the system write what it still holds back, so that one run does not pay for the one before. */
export declare function settle(): void;
