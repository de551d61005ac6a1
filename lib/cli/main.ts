#!/usr/bin/env node
import { hasTicket } from '../terminal/tickets.js'

// A ticket among the arguments is hidden from whoever lists the processes of this machine: now, before anything else is
// loaded, which takes a while.
if (process.argv.some(hasTicket)) process.title = 'sluice'
await import('./start.js')
