import { spawnSync } from 'node:child_process';
/** Lets the system write what it still holds back, so that one run does not pay for the one before. */
export function settle() {
    spawnSync('sync');
}
//# sourceMappingURL=settle.js.map