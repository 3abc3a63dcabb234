const PAD = 'ü'.repeat(60)

/** The line of a service's nth record. */
export function recordOf(who: string, n: number): string {
  return `${JSON.stringify({ who, n, pad: PAD })}\n`
}
