// What others lack without Sluice, by row: each property by the name of the case of the conformance suite that shows it,
// with the cells that may go wrong for that. Nothing else may be lacking, and nothing else goes wrong.

const END_HEARD = 'who ends one side is heard, behind the last byte'
const ALL_OVER = 'when both sides have ended, both ends say that all is over'
const BOTH_WAYS = 'both directions flow at once'
const WAITS = 'a reader that does not read makes the writer wait, and lets it go on'
const HEARD = (which) => `when the ${which} end is destroyed, the other one hears it`
const PIPELINE_ENDS = 'pipeline() into it and out of it come to their end'
const PIPELINE_NOTICES = (which) =>
  `pipeline() into it and out of it notice when the ${which} end is destroyed`

/** Nobody tells the pipelines of Node, which wait for the event. */
const NOTICED_BY_NONE = {
  [PIPELINE_NOTICES('near')]: ['cut by hand'],
  [PIPELINE_NOTICES('far')]: ['cut by hand'],
}

/** Ends in memory that do not tell each other that they were destroyed. In a conversation the silence tells it. */
const TELLS_NOBODY = { [HEARD('near')]: [], [HEARD('far')]: [], ...NOTICED_BY_NONE }

const DUPLEXES = {
  'Duplex.fromWeb': {
    [END_HEARD]: [],
    [ALL_OVER]: [],
    ...TELLS_NOBODY,
    [PIPELINE_ENDS]: ['by hand'],
  },
  // its 'finish' waits for the end of what it reads, and is never told where that came before its own end(): whoever ends
  // second waits for closeTimeout
  'stream.compose': {
    [ALL_OVER]: ['conversation', 'wire stages', 'signs of life'],
    [PIPELINE_ENDS]: ['by hand'],
    ...NOTICED_BY_NONE,
  },
  'stream.duplexPair': TELLS_NOBODY,
  'ssh2 channel': NOTICED_BY_NONE,
  'udx-native': { [WAITS]: [] },
  'yamux-js': {
    [BOTH_WAYS]: [
      'by hand',
      'conversation',
      'wire stages',
      'signs of life',
      'cancelled',
      'cut',
      'cut by hand',
      'gone before',
    ],
    [WAITS]: [],
    [END_HEARD]: [],
    [ALL_OVER]: [],
    [PIPELINE_ENDS]: [],
    ...TELLS_NOBODY,
  },
  'readable-stream 2 Duplex': NOTICED_BY_NONE,
  duplexer2: NOTICED_BY_NONE,
  duplexer3: TELLS_NOBODY,
  duplexpair: TELLS_NOBODY,
  'native-duplexpair': TELLS_NOBODY,
  'stream-combiner2': NOTICED_BY_NONE,
}

const PROMPT = 'outgoing: it gives out all that it was given without waiting for more'

/** The handshake waits for bytes that such a stage keeps until more come. */
const HOLDS_BACK = { [PROMPT]: ['conversation', 'cancelled'] }

/** A stage of it that is destroyed without an error raises one, which ends the process where nobody listens. */
const ABORTS = (...sides) =>
  Object.fromEntries(
    sides.flatMap((side) =>
      [
        'it is a Transform of node:stream by its interface',
        'it may be destroyed before it is used, with and without an error',
        'it may be destroyed while nobody reads',
        'it may be destroyed while it works',
      ].map((property) => [side + property, []]),
    ),
  )

/**
 * Streams of before `close` was told by all, or of another kind: how much of it the suite finds depends on the moment. They
 * carry transfers all the same.
 */
const ANY = { any: [] }

const WIRE_STAGES = {
  'zlib gzip': HOLDS_BACK,
  'crypto aes-256-cbc': HOLDS_BACK,
  'web CompressionStream by Duplex.fromWeb': { ...HOLDS_BACK, ...ANY },
  'web TransformStream by Duplex.fromWeb': ANY,
  'Duplex.from(async generator)': ANY,
  'stream.compose': ABORTS('outgoing: ', 'incoming: '),
  'readable-stream 3 Transform': ANY,
  'readable-stream 2 Transform': ANY,
  'through2 2': ANY,
  minipass: ANY,
  'minipass-flush': ANY,
  'minizlib, flushing': ANY,
  'stream-throttle': ANY,
  throttle: ANY,
  'progress-stream': ANY,
  'stream-meter': ANY,
  'block-stream2': { ...HOLDS_BACK, ...ANY },
  pumpify: ANY,
  duplexify: ANY,
}

const FILE_STAGES = {
  'stream.compose': ABORTS(''),
  'Duplex.from(async generator)': ANY,
  'web TransformStream by Duplex.fromWeb': ANY,
  'readable-stream 3 Transform': ANY,
  'readable-stream 2 Transform': ANY,
  'through2.obj 2': ANY,
  'parallel-transform': ANY,
  minipass: ANY,
  'pumpify.obj': ANY,
  'duplexify.obj': ANY,
}

export const FAULTS = { Duplexes: DUPLEXES, 'Wire stages': WIRE_STAGES, 'File stages': FILE_STAGES }
