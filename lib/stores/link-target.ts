/**
 * Whether a symbolic link at `path` with this target leads to something in the destination, whatever it is: upwards no
 * further than to the destination, and upwards only at the beginning, never behind a name.
 *
 * Links that each keep to this do not lead out together either. A link is made in a real folder, entered through no
 * link, so that its leading `..` climb real folders and end at a real one inside; from there the way only descends,
 * and where a name on it is a link that keeps to this, its way too begins in its real folder and ends inside. A name
 * before a `..` would break this: it may be a link, and then `..` is the folder above that link's end.
 */
export function staysInside(path: string, target: string): boolean {
  if (target === '' || /^[/\\]|^[A-Za-z]:|\0/.test(target)) return false
  let room = path.split('/').length - 1
  let descends = false
  for (const name of target.split(/[/\\]/)) {
    if (name === '' || name === '.') continue
    if (name !== '..') descends = true
    else if (descends || --room < 0) return false
  }
  return true
}
