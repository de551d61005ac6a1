const KIB = 1024
const SMALLEST = 64 * KIB
const LARGEST = 1024 * KIB

/**
 * Bytes to read at once of a file: the chunk size follows the file size, from 64 KiB to 1 MiB in powers of two, about
 * a quarter of the file. Large chunks are what makes large files fast; small ones let others have their turn.
 * @param fileSize bytes, or `null` where it is not known
 */
export function chunkSize(fileSize: number | null): number {
  let size = SMALLEST
  while (size < LARGEST && size * 4 < (fileSize ?? 0)) size *= 2
  return size
}
