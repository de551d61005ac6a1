import { throttle } from '../../lib/index.js'
import { FakeClock, wireStageConformance } from '../../lib/testing/index.js'
import { conforms } from '../helpers/conforms.js'

const clock = new FakeClock({ auto: true })
conforms(
  'throttle',
  wireStageConformance(() => throttle({ rate: 10_000_000, clock }), { open: () => clock.pending }),
)
