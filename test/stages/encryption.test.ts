import { encryption } from '../../lib/index.js'
import { wireStageConformance } from '../../lib/testing/index.js'
import { conforms } from '../helpers/conforms.js'

const key = Buffer.alloc(32, 7)
conforms(
  'encryption',
  wireStageConformance(() => encryption({ key }), {
    truncated: ['ERR_TRUNCATED'],
    badOptions: [() => encryption({ key: Buffer.alloc(31) })],
  }),
)
