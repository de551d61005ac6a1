import { printable, SluiceError } from '../errors.js';
/**
 * The last guard before a name is joined to a folder: refuses (`ERR_PATH`) whatever would lead elsewhere. What else
 * a platform does not like in a name is decided when an offer arrives.
 */
export function checkName(name, platform, path) {
    const foreign = platform === 'win32' ? /[/\\:\0]/ : /[/\0]/;
    if (name !== '' && name !== '.' && name !== '..' && !foreign.test(name))
        return;
    throw new SluiceError('ERR_PATH', `"${printable(path)}" is not a relative path of plain names`, { path });
}
//# sourceMappingURL=one-name.js.map