import { createRequire } from 'node:module'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'

interface ObjectSchema {
  properties?: Record<string, object>
  additionalProperties?: boolean
}

/** The schema of events, as users import it. */
export const EVENT_SCHEMA = createRequire(import.meta.url)('sluice/events.schema.json') as {
  oneOf: { $ref: string }[]
  $defs: Record<string, ObjectSchema>
}

/** The names of the events that the schema knows. */
export const EVENT_NAMES = EVENT_SCHEMA.oneOf.map(({ $ref }) => $ref.slice('#/$defs/'.length))

const withFormats = (ajv: Ajv2020): Ajv2020 => {
  formats.default(ajv)
  return ajv
}

/** Whether a value is an event to the readers that have the schema: keys that they do not know do not matter. */
export const isEvent = withFormats(new Ajv2020({ strictTypes: false })).compile(EVENT_SCHEMA)

// For us every key has to be in the schema; a validator for each, since one of "one of them" cannot say what is wrong.
const CLOSED = structuredClone(EVENT_SCHEMA)
for (const name of EVENT_NAMES) CLOSED.$defs[name]!.additionalProperties = false
const closed = withFormats(new Ajv2020({ strictTypes: false })).addSchema(CLOSED, 'events')

/** Checks a line of `--json`; throws what is wrong with it. */
export function checkEvent(line: string): void {
  const event = JSON.parse(line) as { event?: string }
  const name = event?.event ?? ''
  if (!EVENT_NAMES.includes(name)) throw new Error(`the schema knows no such event: ${line}`)
  const check = closed.getSchema(`events#/$defs/${name}`)!
  if (!check(event)) throw new Error(`${closed.errorsText(check.errors)}: ${line}`)
}
