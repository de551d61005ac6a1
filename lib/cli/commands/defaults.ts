import { isAbsolute } from 'node:path'
import type { Command } from 'commander'
import { printable, SluiceError } from '../../errors.js'
import { readConfig } from '../../files/config/read-config.js'
import { inside } from '../../files/disk/names.js'
import { commandFileSystem as fs } from '../../files/disk/node-fs.js'
import { ifThere } from '../../files/disk/stats.js'
import { CONFLICTS, DURABILITIES } from '../../files/publish/policies.js'
import { checkPrivate } from '../../peers/home.js'
import { existingHome } from '../network/home.js'

/** One of these, in the home folder. */
const FILES = ['config.json', 'config.yaml', 'config.yml']

/** A configuration file as JSON Schema: defaults for options of `send` and `receive`. */
export const CONFIG_SCHEMA = {
  title: 'Defaults for options of sluice send and sluice receive',
  type: 'object',
  additionalProperties: false,
  properties: {
    dir: { type: 'string', minLength: 1, description: 'an absolute path' },
    conflict: { enum: CONFLICTS },
    unless: { enum: ['identical', 'unchanged', 'newer', 'nothing'] },
    durability: { enum: DURABILITIES },
    limit: { type: ['string', 'integer'], description: 'bytes per second, as 500k or 10M' },
    retry: { type: 'integer', minimum: 0, maximum: 999_999 },
    hash: { type: 'string', minLength: 1 },
    names: { enum: ['native', 'portable'] },
  },
}

type Config = Record<string, string | number>

/**
 * Gives those options of a command that were not given on the command line the values of the configuration file in the
 * home folder, if there is one. Throws `ERR_USAGE` for two such files, and for a folder that is no absolute path; as
 * `readConfig` does; and `ERR_PERMISSION` if others can write to the file, or to its folder.
 */
export async function applyDefaults(command: Command): Promise<void> {
  const { path, config } = await readDefaults()
  const { to, via } = command.opts()
  const isDialling = to !== undefined || via !== undefined || Boolean(process.env.SLUICE_TICKET)
  for (const option of command.options) {
    const name = option.attributeName()
    const value = config[name]
    const isGiven = !['default', undefined].includes(command.getOptionValueSource(name))
    // who waits for a receiver cannot make a lost connection again
    if (value === undefined || isGiven || (name === 'retry' && !isDialling)) continue
    if (name === 'dir' && !isAbsolute(String(value)))
      throw new SluiceError(
        'ERR_USAGE',
        `${path}: dir must be an absolute path, not ${printable(`${value}`)}`,
      )
    command.setOptionValueWithSource(name, String(value), 'config')
  }
}

async function readDefaults(): Promise<{ path: string; config: Config }> {
  const none = { path: '', config: {} }
  const folder = await existingHome()
  if (folder === undefined) return none
  const all = FILES.map((name) => inside(folder, name))
  const found = await Promise.all(all.map(async (path) => ({ path, stats: await ifThere(fs.stat(path)) })))
  const [first, second] = found.filter(({ stats }) => stats !== undefined)
  if (!first) return none
  if (second) {
    const message = `there are two configurations, ${printable(first.path)} and ${printable(second.path)}; keep one`
    throw new SluiceError('ERR_USAGE', message)
  }
  checkPrivate(fs, first.path, first.stats!, 0o022, 'others can write to it')
  const config = await readConfig<Config>(first.path, { schema: CONFIG_SCHEMA, default: {}, fs })
  return { path: printable(first.path), config }
}
