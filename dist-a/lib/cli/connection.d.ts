import { type Server, type Socket } from 'node:net';
/** Connects to HOST:PORT. Rejects with `ERR_USAGE` or `ERR_UNREACHABLE`. */
export declare function connectTo(text: string): Promise<Socket>;
/** Listens at HOST:PORT, port 0 for any; gives the server and its address. Rejects with `ERR_USAGE`. */
export declare function listenAt(text: string): Promise<{
    server: Server;
    address: string;
}>;
