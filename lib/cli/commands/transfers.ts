// The commands that transfer, as one module that is loaded when one of them is called: the others, such as `write` in a
// script, start in less time without the stages and the protocol.
export { applyDefaults } from './defaults.js'
export { packCommand } from './pack.js'
export { receiveCommand } from './receive.js'
export { sendCommand } from './send.js'
export { unpackCommand } from './unpack.js'
