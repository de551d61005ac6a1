/** The standard streams of a command; a parameter, so that tests need no terminal. */
export interface Io {
  stdin: NodeJS.ReadStream & { fd: number }
  stdout: NodeJS.WriteStream
  stderr: NodeJS.WriteStream
}
