import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'rolldown'

// The library and the command as few files, made of what tsc made of lib/: a process that loads hundreds of modules one by
// one takes three times as long to start. The command has the packages in it that it uses; so has the bar for terminals,
// which users import. The library imports its dependencies, and has two packages in it: msgpackr, which would ask to run a
// script if it was installed, and through2, which would bring a copy of Node's streams.

/** Of a package, or of the bundler itself. */
const isOfPackage = (id) => id.includes('node_modules') || id.startsWith('\0')

/** Own code is the output of tsc; by its maps those of the bundle lead to lib/*.ts, which is in the package. */
const mapsOfTsc = {
  name: 'maps-of-tsc',
  load: (id) =>
    !isOfPackage(id) && existsSync(`${id}.map`)
      ? { code: readFileSync(id, 'utf8'), map: readFileSync(`${id}.map`, 'utf8') }
      : null,
}

/** The sources of the packages are not there where this one is installed: their maps would lead nowhere. */
const noMapsOfPackages = {
  name: 'no-maps-of-packages',
  generateBundle(_options, bundle) {
    for (const file of Object.values(bundle)) {
      if (file.type !== 'chunk' || !file.fileName.startsWith('packages/')) continue
      delete bundle[`${file.fileName}.map`]
      file.code = file.code.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n')
    }
  },
}

/** What stands on a copy of Node's streams, made for older versions and browsers, gets those of Node. */
const streamsOfNode = { 'readable-stream': 'node:stream' }

/** No command of ours is a program of its own: what starts such programs takes a sixth of the time to print the help. */
const noPrograms = {
  name: 'no-programs',
  resolveId: (id, importer) =>
    id === 'node:child_process' && /[\\/]commander[\\/]/.test(importer) ? '\0no-programs' : null,
  load: (id) => (id === '\0no-programs' ? 'export {}' : null),
}

/** Whoever passes the packages on has to pass their licences on. */
const licences = (fileName) => ({
  name: 'licences',
  generateBundle(_options, bundle) {
    const ids = Object.values(bundle).flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []))
    const folders = new Set(ids.map((id) => /^.*node_modules[\\/](@[^\\/]+[\\/])?[^\\/]+/.exec(id)?.[0]))
    folders.delete(undefined)
    const texts = Array.from(folders).map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
      return `${name} ${version}, ${license}\n\n${file ? readFileSync(join(folder, file), 'utf8').trim() : ''}\n`
    })
    this.emitFile({
      type: 'asset',
      fileName,
      source: texts.sort().join(`\n${'-'.repeat(80)}\n\n`),
    })
  },
})

/** Of the library, and not of the command. */
const isOfLibrary = (id) => /[\\/]dist[\\/]lib[\\/](?!cli[\\/])/.test(id)

/** The chunks of the command stand at the top, for c8, which counts them; see .c8rc.json. */
const folderOf = ({ moduleIds }) =>
  moduleIds.every(isOfPackage)
    ? 'packages/'
    : moduleIds.every((id) => isOfPackage(id) || isOfLibrary(id))
      ? 'library/'
      : ''

const output = {
  sourcemap: true,
  // they are in lib/, which is in the package
  comments: false,
  sourcemapExcludeSources: true,
  entryFileNames: '[name].js',
}

const command = defineConfig({
  input: { sluice: 'dist/lib/cli/main.js', terminal: 'dist/lib/terminal/progress-bar.js' },
  platform: 'node',
  // native, or stands on what is
  external: ['@napi-rs/blake-hash', 'noise-handshake', 'noise-curve-ed'],
  resolve: { alias: streamsOfNode },
  plugins: [mapsOfTsc, noMapsOfPackages, noPrograms, licences('packages/LICENCES')],
  output: {
    ...output,
    dir: 'dist/bin',
    chunkFileNames: (chunk) => `${folderOf(chunk)}[name].js`,
    codeSplitting: {
      groups: [
        { name: 'packages', test: isOfPackage, entriesAware: true },
        { name: 'library', test: isOfLibrary, entriesAware: true },
      ],
    },
  },
})

const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'))

const library = defineConfig({
  input: {
    index: './dist/lib/index.js',
    files: './dist/lib/files/index.js',
    peers: './dist/lib/peers/index.js',
    testing: './dist/lib/testing/index.js',
  },
  platform: 'node',
  external: Object.keys(dependencies).map((name) => new RegExp(`^${name}($|/)`)),
  resolve: { alias: streamsOfNode },
  plugins: [mapsOfTsc, noMapsOfPackages, licences('packages/LICENCES')],
  output: {
    ...output,
    dir: 'dist/library',
    entryFileNames: ({ name }) => (name === 'index' ? 'index.js' : `${name}/index.js`),
    chunkFileNames: (chunk) => `${chunk.moduleIds.every(isOfPackage) ? 'packages' : 'shared'}/[name].js`,
    codeSplitting: {
      groups: [
        { name: 'packages', test: isOfPackage, entriesAware: true },
        { name: 'shared', test: isOfLibrary, entriesAware: true },
      ],
    },
  },
})

export default [command, library]
