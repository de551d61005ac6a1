import test from 'ava'
import { type Audit, FileTransaction, getDefaultAudit, setDefaultAudit } from '../../../lib/files/index.js'
import { temporary } from '../../helpers/folders.js'

test.serial('the default trail can be set, read and taken away', (t) => {
  const audit: Audit = { record: () => {} }
  t.is(getDefaultAudit(), undefined)
  t.is(setDefaultAudit(audit), undefined)
  t.is(getDefaultAudit(), audit)
  t.is(setDefaultAudit(undefined), audit)
  t.is(getDefaultAudit(), undefined)
})

test.serial('a transaction that was given no trail is taken down in the default one', async (t) => {
  const operations: string[] = []
  const own: string[] = []
  const folder = await temporary(t)
  setDefaultAudit({ record: ({ operation }) => void operations.push(operation) })
  const one = await FileTransaction.begin(folder)
  await one.rollback()
  const two = await FileTransaction.begin(folder, {
    audit: { record: ({ operation }) => void own.push(operation) },
  })
  await two.rollback()
  setDefaultAudit(undefined)
  t.deepEqual([operations, own], [['transaction'], ['transaction']])
})
