/**
 * The name with a number before its endings, as it is chosen when the name is taken: `report.pdf`, 1 → `report_1.pdf`;
 * `a.tar.gz` → `a_1.tar.gz`; `.bashrc` → `.bashrc_1`. At most 255 bytes: a long name is shortened between characters.
 */
export declare function suffixed(name: string, n: number): string;
/**
 * The name that a file has while it arrives: `x` → `x.part`, or `x.1.part`, `x.2.part`, … where that is taken. The
 * part of a long name has a shortened one.
 */
export declare function partName(name: string, taken?: (name: string) => boolean): string;
/** The `n`-th name that the part of `name` may have, from 0. */
export declare function partCandidate(name: string, n: number): string;
/** Whether {@link partName} could have given `part` to the part of `name`. */
export declare function isPartNameOf(part: string, name: string): boolean;
/**
 * What two names have in common that are one on some file system: those that ignore case, and those that do not tell
 * composed from decomposed characters.
 */
export declare function foldName(name: string): string;
/** The path above a relative POSIX path; '' for what is at the top. */
export declare function parentOf(path: string): string;
/** The last name of a relative POSIX path. */
export declare function nameOf(path: string): string;
