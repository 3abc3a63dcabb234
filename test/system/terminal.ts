import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { temporaryDirectory } from '../support/temporary.ts'

/** What a terminal did with a program's output. */
export interface Shown {
  /** Every byte that the program and the shell around it wrote to the terminal. */
  readonly raw: string
  /** The lines that stand on it and in its history, those that it broke put together again, without spaces at their ends. */
  readonly lines: readonly string[]
  /** What escape sequences change: title, cursor, modes, scroll region, clipboard, bell, the look of the next character. */
  readonly state: Readonly<Record<string, string>>
}

/** In tmux's own words (its manual, FORMATS). */
const STATE = [
  ...['pane_title', 'window_name', 'pane_path', 'pane_tabs', 'pane_in_mode', 'alternate_on', 'cursor_x'],
  ...['cursor_flag', 'insert_flag', 'keypad_cursor_flag', 'keypad_flag', 'origin_flag', 'wrap_flag'],
  ...['mouse_any_flag', 'mouse_button_flag', 'mouse_sgr_flag', 'mouse_standard_flag', 'mouse_utf8_flag'],
  ...['scroll_region_lower', 'scroll_region_upper', 'window_bell_flag', 'pane_width', 'pane_height'],
]
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences
const DEFAULT_LOOK = /\u001b\[(?:0|39|49)?m/g
const END = 'END OF THE PROGRAM'
const PAUSE_MS = 50

/**
 * Runs a program on a terminal of its own, a real one: tmux's, 200 columns wide, that lets programs rename the window
 * and set the clipboard.
 */
export async function onTerminal(
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Shown> {
  const directory = temporaryDirectory()
  const socket = join(directory, 'socket')
  const raw = join(directory, 'raw')
  const tmux = (...args: string[]): string =>
    execFileSync('tmux', ['-u', '-S', socket, ...args], {
      encoding: 'utf8',
      env: { ...process.env, ...env, LC_ALL: 'C.UTF-8', TMUX: '' },
      maxBuffer: 2 ** 30,
    })
  const configuration = join(directory, 'tmux.conf')
  const settings = ['history-limit 500000', 'allow-rename on', 'set-clipboard on', 'monitor-bell on']
  writeFileSync(configuration, settings.map((setting) => `set -g ${setting}\n`).join(''))
  const script = join(directory, 'run.sh')
  const quoted = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
  writeFileSync(script, `stty -echo; read -r go; ${quoted}; echo '${END}'; read -r go\n`)

  tmux('-f', configuration, 'new-session', '-d', '-n', 'plain', '-x', '200', '-y', '50', `sh ${script}`)
  onTestFinished(() => {
    spawnSync('tmux', ['-S', socket, 'kill-server'])
  })
  // A second window, so that a bell in the first leaves its mark there.
  tmux('new-window', '-d', 'cat')
  tmux('pipe-pane', '-t', ':0', '-O', `cat > ${raw}`)
  tmux('select-window', '-t', ':1')
  tmux('send-keys', '-t', ':0', 'Enter')
  // tmux has obeyed what it has piped.
  while (!existsSync(raw) || !readFileSync(raw).includes(END)) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
  const captured = (...flags: string[]): string =>
    tmux('capture-pane', '-t', ':0', '-p', '-J', '-S', '-', '-E', '-', ...flags)
  const format = STATE.map((name) => `#{${name}}`).join('\t')
  const values = tmux('display', '-t', ':0', '-p', format).replace(/\n$/, '').split('\t')
  const last = captured('-e')
    .split('\n')
    .findLast((line) => line.includes(END))
  return {
    raw: readFileSync(raw, 'utf8'),
    lines: captured()
      .split('\n')
      .map((line) => line.trimEnd()),
    state: {
      ...Object.fromEntries(STATE.map((name, i) => [name, values[i] ?? ''])),
      clipboard: tmux('list-buffers'),
      // Back to the default is what it should be.
      last: last?.replaceAll(DEFAULT_LOOK, '') ?? 'it is not there',
    },
  }
}
