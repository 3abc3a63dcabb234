/**
 * What went wrong with a spool; none of it stops anything.
 *
 * - `moved`: the writer's directory was renamed or removed; it goes on in a new one
 * - `fsync`: what was written could not be made durable
 * - `checkpoint`: the checkpoint can't be used, or not be written
 * - `about`: what the keys of a spool's records are called can't be read; they are taken as they are
 * - `broken`: lines that are no records, or too long; left out
 * - `torn`: the last line of a segment has no end; left out
 * - `unreadable`: a file or directory that can't be read
 * - `foreign`: files that are not ours; left alone
 * - `removal`: a file or directory that can't be removed
 * - `adoption`: a dead process's spool that can't be taken over
 * - `release`: a spool that can't be given up for others to take; they will find out by themselves
 * - `alive`: the sign of life can't be given, so others may take the owner for dead
 */
export type SpoolProblemCode =
  | 'moved'
  | 'fsync'
  | 'checkpoint'
  | 'about'
  | 'broken'
  | 'torn'
  | 'unreadable'
  | 'foreign'
  | 'removal'
  | 'adoption'
  | 'release'
  | 'alive'

export interface SpoolProblem {
  readonly code: SpoolProblemCode
  /** The file or directory that it is about. */
  readonly file: string
  /** What happened, what spoor does now, what the operator can do. */
  readonly message: string
}
