/**
 * What a reader of Markdown takes for markup: everything but fenced blocks, code spans and escaped
 * characters (CommonMark 2.4, 4.5, 6.1).
 */
export function outsideCode(markdown: string): string {
  const text = markdown.replace(/^(`{3,})(json|yaml|sh)\n.*?\n\1$/gms, '')
  return text.split('\n').map(outsideSpans).join('\n')
}

function outsideSpans(line: string): string {
  let rest = line
  let outside = ''
  while (rest !== '') {
    const [run] = /^`+/.exec(rest) ?? []
    if (run === undefined) {
      if (rest.startsWith('\\')) rest = rest.slice(2)
      else {
        outside += rest.slice(0, 1)
        rest = rest.slice(1)
      }
      continue
    }
    // A code span ends at the first run of backticks as long as the one that opened it.
    const end = [...rest.slice(run.length).matchAll(/`+/g)].find(([other]) => other.length === run.length)
    if (end === undefined) outside += run
    rest = rest.slice(run.length + (end === undefined ? 0 : end.index + run.length))
  }
  return outside
}
