export type { FileStats, FileSystem } from './fs.js'
