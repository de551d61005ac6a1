// The same where no native calls are made, and lists are asked of a command. Each file of tests has its own process.
process.env.SLUICE_NATIVE = 'off'
await import('./access-lists.test.js')
