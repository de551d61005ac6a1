import test from 'ava'
import { type Audit, getDefaultAudit, setDefaultAudit } from '../../../lib/files/index.js'

test('the default trail can be set, read and taken away', (t) => {
  const audit: Audit = { record: () => {} }
  t.is(getDefaultAudit(), undefined)
  t.is(setDefaultAudit(audit), undefined)
  t.is(getDefaultAudit(), audit)
  t.is(setDefaultAudit(undefined), audit)
  t.is(getDefaultAudit(), undefined)
})
