import { optimiseLate } from '../../lib/cli/tune-engine.js'

// The test runner has each of its processes load this first. There are some four hundred of them, and most end within a
// second or two, before what the engine optimises could pay.
optimiseLate()
