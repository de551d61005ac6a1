/** The ways in which small files are written and get their names, as options of a disk in memory. */
export const WAYS = {
  'by calls made at once': { sync: true },
  'by calls made at once, with a rename that replaces nothing': { sync: true, renameNoReplace: true },
  'by promises': { sync: false },
}
