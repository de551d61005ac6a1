// Imported first by the other examples: whatever ends one of them is told in one line, without a stack trace.
process.on('uncaughtException', (error) => {
  console.error(error.message)
  process.exit(1)
})
