/** What somebody has to write otherwise; its message says what. */
export type UsageError = Error & { readonly usage: true }

export function usageError(message: string): UsageError {
  return Object.assign(new Error(message), { usage: true as const })
}

/** Whether the message of an error is for whoever started the command: no stack is needed to mend it. */
export function isUsage(error: unknown): error is Error {
  if (!(error instanceof Error)) return false
  const { code } = error as { code?: unknown }
  return (
    (error as Partial<UsageError>).usage === true || code === 'ERR_SPOOR_OPTION' || code === 'ERR_SPOOR_AUDIT'
  )
}
