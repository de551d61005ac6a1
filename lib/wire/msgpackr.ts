// msgpackr without its optional native part, which would run a script when it is installed. The build puts the package
// itself in the place of this module: see .rolldown.config.js.
export { Packr } from 'msgpackr/pack'
export { Unpackr } from 'msgpackr/unpack'
