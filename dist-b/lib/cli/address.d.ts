export interface Address {
    host: string;
    port: number;
}
/**
 * HOST:PORT, or [HOST]:PORT for IPv6.
 * @throws SluiceError `ERR_USAGE`
 */
export declare function parseAddress(text: string): Address;
export declare function showAddress({ host, port }: Address): string;
/**
 * The address with its host resolved. Only loopback is taken: nothing on this line proves who the peer is.
 * @throws SluiceError `ERR_USAGE`, `ERR_UNREACHABLE`
 */
export declare function resolveLoopback(text: string): Promise<Address>;
