import { checkCount, checkOption } from './options.js';
/** @throws SluiceError `ERR_USAGE` */
export function checkedOptions(options) {
    const { conflict = 'rename', unless = 'identical', symlinks = 'skip', concurrency = 48 } = options;
    checkOption('conflict', conflict, ['rename', 'overwrite', 'replace', 'skip', 'fail']);
    checkOption('unless', unless, ['identical', 'unchanged', 'newer', 'nothing']);
    checkOption('symlinks', symlinks, ['skip', 'keep']);
    checkOption('durability', options.durability, [undefined, 'crash', 'power']);
    checkCount('concurrency', concurrency);
    return { ...options, conflict, unless, symlinks, concurrency };
}
//# sourceMappingURL=finalizer-options.js.map