/**
 * What a reader came across; none of it stops the reader.
 *
 * - `corrupt`: a file that can be read in part only; what came before is given
 * - `missing`: a file that was removed before it was read
 * - `truncated`: the live file was cut; it is read again from its beginning
 * - `unreadable`: a file or the directory that can't be opened
 * - `unsupported`: a compression that this Node can't read
 * - `checkpoint`: the checkpoint can't be used, or not be written
 */
export type ReaderProblemCode =
  | 'corrupt'
  | 'missing'
  | 'truncated'
  | 'unreadable'
  | 'unsupported'
  | 'checkpoint'

export interface ReaderProblem {
  readonly code: ReaderProblemCode
  /** The file or directory that it is about. */
  readonly file: string
  readonly message: string
}
