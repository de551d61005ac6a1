import { once } from 'node:events';
import { connect, createServer } from 'node:net';
/** Two ends of a TCP connection over loopback, destroyed when the test ends. */
export async function connection(t) {
    const server = createServer({ noDelay: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    const near = connect({ port, host: '127.0.0.1', noDelay: true });
    const [far] = (await once(server, 'connection'));
    server.close();
    t.teardown(() => {
        near.destroy();
        far.destroy();
    });
    return [near, far];
}
//# sourceMappingURL=sockets.js.map