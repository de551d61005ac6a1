/** The version of what `--json` prints. Within a version keys and events are only added. */
export const EVENTS_VERSION = 1;
/** An error as an event. */
export function errorEvent(error, exit) {
    const { code, message, path } = error;
    return { event: 'error', code, message, exit, ...(path === undefined ? {} : { path }) };
}
/** A warning as an event. */
export function warningEvent(warning) {
    const { code, message, path } = warning;
    return { event: 'warning', code, message, ...(path === undefined ? {} : { path }) };
}
//# sourceMappingURL=events.js.map