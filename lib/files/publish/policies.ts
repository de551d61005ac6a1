/** What to do when the name is taken by other content. */
export type Conflict = 'rename' | 'overwrite' | 'replace' | 'skip' | 'fail'

/** What a finished write survives: 'crash' the death of the process, 'power' a loss of power too. */
export type Durability = 'crash' | 'power'

/** Each {@link Conflict}. */
export const CONFLICTS: readonly Conflict[] = ['rename', 'overwrite', 'replace', 'skip', 'fail']

/** Each {@link Durability}. */
export const DURABILITIES: readonly Durability[] = ['crash', 'power']
