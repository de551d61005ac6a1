// Sends back over standard output what comes over standard input.
import { stdio } from '../../lib/peers/connectors/stdio.js'

const here = stdio()
here.pipe(here)
