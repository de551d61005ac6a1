/** What the contenders are called, which several scenes and the table of the figures have in common. */
export const NAMES = {
  command: 'sluice',
  power: 'sluice, power',
  plain: 'sluice, plain',
  secure: 'sluice, secure channel',
  server: 'sluice in a server',
  serverBlocks: 'sluice in a server, blocks',
  rsync: 'rsync daemon',
  tarFs: 'tar-fs',
  pipeline: 'Node pipeline, sha256',
  scp: 'scp',
  writer: 'sluice',
  otherWriter: 'write-file-atomic',
  node: 'node -e 0',
  version: 'sluice --version',
} as const
