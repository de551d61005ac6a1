import prettyBytes from 'pretty-bytes';
import prettyMilliseconds from 'pretty-ms';
import { printable } from '../errors.js';
/** Bytes for people: 1.5 GB. */
export function size(bytes) {
    return prettyBytes(bytes);
}
/** A duration for people. */
export function duration(milliseconds) {
    return prettyMilliseconds(milliseconds, { compact: milliseconds >= 1000, secondsDecimalDigits: 0 });
}
/** The lines that show a running transfer: the file that is under way, and the total. At most `columns` wide. */
export function progressLines(progress, columns) {
    const { files, totalFiles, bytes, totalBytes, rate, eta, current } = progress;
    const total = [
        `${files}/${totalFiles} files`,
        totalBytes === null ? size(bytes) : `${size(bytes)} of ${size(totalBytes)}${percent(bytes, totalBytes)}`,
        `${size(rate)}/s`,
        ...(eta === null ? [] : [`${duration(eta)} left`]),
    ].join('  ');
    if (current === null)
        return [fitted(total, columns)];
    const state = current.size === null
        ? size(current.bytes)
        : `${size(current.size)}${percent(current.bytes, current.size)}`;
    return [
        fitted(`${named(current.path, columns - state.length - 2)}  ${state}`, columns),
        fitted(total, columns),
    ];
}
function percent(part, whole) {
    return whole === 0 ? '' : ` (${Math.floor((100 * part) / whole)} %)`;
}
/** A path escaped, its beginning cut away where there is no room. */
export function named(path, columns) {
    const shown = printable(path);
    return shown.length <= columns ? shown : `…${shown.slice(shown.length - Math.max(columns - 1, 1))}`;
}
function fitted(line, columns) {
    return line.length <= columns ? line : `${line.slice(0, Math.max(columns - 1, 0))}…`;
}
//# sourceMappingURL=progress.js.map