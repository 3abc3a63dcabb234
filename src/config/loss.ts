/** The message of every record that tells of records that were lost; it has `dropped` and `dropped_by_level`. */
export const LOSS_MESSAGE = 'log records were lost'
