import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { unix } from '../../../lib/peers/connectors/unix.js'
import { connectorConformance } from '../../../lib/testing/index.js'
import { conforms } from '../../helpers/conforms.js'

const folder = await mkdtemp(join(tmpdir(), 'sluice-test-'))
test.after.always(() => rm(folder, { recursive: true }))

conforms(
  'unix',
  connectorConformance(() => ({ connector: unix(), address: `unix:${join(folder, 'socket')}` })),
)
