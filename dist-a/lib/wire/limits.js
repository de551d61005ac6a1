export const DEFAULT_LIMITS = Object.freeze({
    frame: 1024 * 1024,
    handshakeMessage: 64 * 1024,
    message: 1024 * 1024,
    entries: 1_000_000,
    manifest: 256 * 1024 * 1024,
    path: 4096,
    name: 255,
    depth: 64,
    msgpackDepth: 8,
    list: 4096,
    errorText: 1024,
    handshakeTimeout: 10_000,
    idleTimeout: 60_000,
    pingInterval: 15_000,
    closeTimeout: 5_000,
});
//# sourceMappingURL=limits.js.map