/**
 * The last guard before a name is joined to a folder: refuses (`ERR_PATH`) whatever would lead elsewhere. What else
 * a platform does not like in a name is decided when an offer arrives.
 */
export declare function checkName(name: string, platform: NodeJS.Platform, path: string): void;
