import { compression } from '../../lib/index.js'
import { wireStageConformance } from '../../lib/testing/index.js'
import { conforms } from '../helpers/conforms.js'

for (const algorithm of ['gzip', 'brotli'] as const)
  conforms(
    algorithm,
    wireStageConformance(() => compression({ algorithm }), { truncated: ['ERR_TRUNCATED'] }),
  )
