import { LEVELS, parseLevel } from '../config/levels.ts'
import type { LevelOrSilent } from './types.ts'

/**
 * A threshold that loggers share: what changes here is seen by every logger that holds it, at the next call.
 * (pino keeps the level in each instance, so that existing children never hear of a change.)
 */
export interface LevelCell {
  /** Lowest level number that is written. */
  value: number
}

/** The levels of one configuration: a root and components, inherited along the dots. */
export interface LevelTree {
  /** The cell of a component; '' is the root. */
  cell(component: string): LevelCell
  /** The cell of the nearest name above that has one, the root's at last. */
  nearest(component: string): LevelCell
  /** Sets a component's own level; undefined takes it away, so that it inherits again. '' is the root. */
  set(component: string, level: number | undefined): void
  /** The level that was set for just this component. */
  own(component: string): number | undefined
  /** Every level that was set, the root's under ''. */
  list(): Readonly<Record<string, number>>
  /** Replaces all levels that were set. */
  replace(root: number, components: Iterable<readonly [string, number]>): void
}

export const SILENT = Number.POSITIVE_INFINITY

/** Number of a level given by name, number or another case; undefined where there is none. */
export function levelNumber(level: LevelOrSilent | number | string): number | undefined {
  if (typeof level === 'number') return Number.isNaN(level) ? undefined : level
  const name = parseLevel(level)
  if (name === undefined) return undefined
  return name === 'silent' ? SILENT : LEVELS[name]
}

export function makeLevelTree(root: number, components: Iterable<readonly [string, number]> = []): LevelTree {
  const set = new Map<string, number>()
  const cells = new Map<string, LevelCell>()

  const effective = (component: string): number => {
    for (let name = component; name !== ''; name = name.slice(0, Math.max(0, name.lastIndexOf('.')))) {
      const level = set.get(name)
      if (level !== undefined) return level
    }
    return set.get('') ?? SILENT
  }
  const renew = (): void => {
    for (const [component, cell] of cells) cell.value = effective(component)
  }
  const tree: LevelTree = {
    cell(component) {
      let cell = cells.get(component)
      if (cell === undefined) {
        cell = { value: effective(component) }
        cells.set(component, cell)
      }
      return cell
    },
    nearest(component) {
      let name = component
      while (name !== '' && !cells.has(name)) name = name.slice(0, Math.max(0, name.lastIndexOf('.')))
      return tree.cell(name)
    },
    set(component, level) {
      if (level !== undefined) set.set(component, level)
      else if (component !== '') set.delete(component)
      renew()
    },
    own: (component) => set.get(component),
    list: () => Object.fromEntries(set),
    replace(level, named) {
      set.clear()
      set.set('', level)
      for (const [component, value] of named) set.set(component, value)
      renew()
    },
  }
  tree.replace(root, components)
  return tree
}
