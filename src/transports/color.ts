/**
 * Whether to colour, by the environment: FORCE_COLOR beats all (0 and false turn colours off), then a NO_COLOR
 * that is not empty turns them off (https://no-color.org), then TERM=dumb, then whether it is a terminal.
 */
export function wantsColor(env: Readonly<Record<string, string | undefined>>, isTerminal: boolean): boolean {
  const force = env.FORCE_COLOR ?? ''
  if (force !== '') return force !== '0' && force.toLowerCase() !== 'false'
  if ((env.NO_COLOR ?? '') !== '') return false
  return env.TERM !== 'dumb' && isTerminal
}
