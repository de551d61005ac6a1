import { readFileSync } from 'node:fs';
const MICRO = 1e-6;
/**
 * Starts to count what this process uses.
 * @returns what gives the usage since then; the peak is that of the whole life of the process
 */
export function meter() {
    const start = process.cpuUsage();
    return () => {
        const { user, system } = process.cpuUsage(start);
        return { cpu: (user + system) * MICRO, peak: peakMemory() };
    };
}
/**
 * The peak of resident memory in bytes. Where /proc tells it that is used: `maxRSS` of a child begins with what its
 * parent had when it was started.
 */
export function peakMemory(pid = 'self') {
    try {
        const found = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
        return Number(found?.[1] ?? 0) * 1024;
    }
    catch {
        return pid === 'self' ? process.resourceUsage().maxRSS * 1024 : 0;
    }
}
/** The middle one, or the mean of the two in the middle. */
export function median(values) {
    const sorted = [...values].sort((a, b) => a - b);
    const middle = sorted.length >> 1;
    return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
/** A table in Markdown, the columns padded so that it can be read as it is. */
export function table(head, rows) {
    const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i].length)));
    const line = (cells) => `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`;
    const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
    return [line(head), rule, ...rows.map(line)].join('\n');
}
export const seconds = (value) => `${value.toFixed(2)} s`;
export const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;
export const milliseconds = (value) => `${value.toFixed(1)} ms`;
//# sourceMappingURL=measure.js.map