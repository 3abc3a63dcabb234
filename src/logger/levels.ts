import { LEVELS, parseLevel } from '../config/levels.ts'
import type { LevelOrSilent } from './types.ts'

/**
 * A threshold that loggers share: what changes here is seen by every logger that holds it, at the next call.
 * (pino keeps the level in each instance, so that existing children never hear of a change.)
 */
export interface LevelCell {
  /** Lowest level number that becomes a record: `level`, or less where records below it wait for a scope's end. */
  value: number
  /** Lowest level number that is written, as it was set. */
  level: number
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
  /**
   * Replaces all levels that were set.
   *
   * @param floor level from which records are made even where they are below the level that was set @default none
   */
  replace(root: number, components: Iterable<readonly [string, number]>, floor?: number): void
  /** What a logger's own cell has to be for a level. */
  gate(level: number): number
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
  let floor = SILENT

  const effective = (component: string): number => {
    for (let name = component; name !== ''; name = name.slice(0, Math.max(0, name.lastIndexOf('.')))) {
      const level = set.get(name)
      if (level !== undefined) return level
    }
    return set.get('') ?? SILENT
  }
  const renew = (): void => {
    for (const [component, cell] of cells) {
      cell.level = effective(component)
      cell.value = tree.gate(cell.level)
    }
  }
  const tree: LevelTree = {
    cell(component) {
      let cell = cells.get(component)
      if (cell === undefined) {
        const level = effective(component)
        cell = { value: tree.gate(level), level }
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
    gate: (level) => (level === SILENT ? SILENT : Math.min(level, floor)),
    replace(level, named, lowest = SILENT) {
      floor = lowest
      set.clear()
      set.set('', level)
      for (const [component, value] of named) set.set(component, value)
      renew()
    },
  }
  tree.replace(root, components)
  return tree
}
