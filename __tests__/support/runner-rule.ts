/** What GitHub's runner may take for a command in a step's stdout, and texts that try to be one. */
import { linesOf } from '../../stand-in/runner/workflow-commands.js'

/**
 * A line that the runner takes for a command: one that begins with "::" when trimmed, or that holds
 * "##[".
 */
export function isCommand(line: string): boolean {
  // .NET's idea of white space has U+0085 in it, and JavaScript's U+FEFF.
  return line.replace(/^[\s\u0085]+/, '').startsWith('::') || line.includes('##[')
}

export function commandLines(stdout: string): string[] {
  return linesOf(stdout).filter(isCommand)
}

/**
 * Texts that a server, a branch or a claim may hold, to make the runner or a reader take them for
 * something else.
 */
export const HOSTILE_TEXTS: readonly string[] = [
  '::stop-commands::x',
  '\n::stop-commands::x\n',
  '\r\n  ::save-state name=state::{}\r\n',
  '\r::set-output name=a::b',
  '\u2028::set-env name=PATH::/tmp',
  '\u2029::add-path::/tmp\u0085::add-path::/tmp',
  '\u00a0::warning::x',
  '##[set-output name=a]b',
  'x ##[save-state name=state]{}',
  '\n##[group]x',
  '##\u200b[add-mask]a',
  '%0A::stop-commands::x%0D%25',
  '\u001b[2J\u001b[1;31mred\u0007\b\b\b',
  '\u0000\u0001\u007f\u009b',
  '\u202e\u2066gpj.exe\u2069\u200b\ufeff',
  '\ud800 \udfff',
  '`````` ` **bold** <img src=x onerror=alert(1)> [a](javascript:b) | $`x`$ @octocat &lt; ```\n# Heading',
  '</details><script>',
  '`'.repeat(400_000),
  '\n'.repeat(60_000),
  ' '.repeat(400_000) + '::x',
  '\ud83d\ude80'.repeat(100_000),
  '::'.repeat(200_000),
  '##['.repeat(130_000),
]
