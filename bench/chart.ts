/** One measured thing, with a bar for each action. Bars are comparable within a group. */
export interface ChartGroup {
  readonly title: string
  readonly unit: string
  readonly bars: readonly ChartBar[]
}

export interface ChartBar {
  readonly name: string
  readonly value: number
  /** From where to where the whisker goes. */
  readonly from?: number
  readonly to?: number
}

const WIDTH = 720
const NAMES = 110
const VALUES = 90
const BAR = 18
const GAP = 5
const TITLE = 30

/**
 * A bar chart as SVG, on no background of its own: its colours follow the reader's scheme, light or
 * dark.
 *
 * @param own the action whose bars stand out
 */
export function chart(groups: readonly ChartGroup[], own: string, caption: string): string {
  const parts: string[] = []
  let y = 0
  const text = (x: number, baseline: number, kind: string, content: string, more = ''): string =>
    `<text x="${round(x)}" y="${round(baseline)}" class="${kind}"${more}>${escaped(content)}</text>`
  for (const { title, unit, bars } of groups) {
    parts.push(text(0, y + 20, 'title', title))
    y += TITLE
    const longest = Math.max(...bars.map(({ value, to = value }) => Math.max(value, to)))
    const scale = (value: number): number => NAMES + (value / longest) * (WIDTH - NAMES - VALUES)
    for (const { name, value, from, to } of bars) {
      const middle = y + BAR / 2
      parts.push(
        text(NAMES - 8, middle + 4, 'name', name, ' text-anchor="end"'),
        `<rect x="${NAMES}" y="${y}" width="${round(scale(value) - NAMES)}" height="${BAR}" rx="2" class="${name === own ? 'own' : 'other'}"/>`,
      )
      if (from !== undefined && to !== undefined)
        parts.push(
          `<path d="M${round(scale(from))} ${middle}H${round(scale(to))}m0 -4v8M${round(scale(from))} ${middle - 4}v8" class="whisker"/>`,
        )
      parts.push(
        text(
          scale(Math.max(value, to ?? value)) + 8,
          middle + 4,
          'value',
          `${Math.round(value).toLocaleString('en')} ${unit}`,
        ),
      )
      y += BAR + GAP
    }
    y += 8
  }
  parts.push(text(0, y + 12, 'name', caption))
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + 20}" width="${WIDTH}" role="img" aria-label="${escaped(caption)}">
<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.name { fill: #59636e }
.own { fill: #d9480f }
.other { fill: #8c959f }
.whisker { stroke: #1f2328; stroke-width: 1; fill: none }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .name { fill: #9198a1 }
  .own { fill: #ff8a4c }
  .other { fill: #656c76 }
  .whisker { stroke: #f0f6fc }
}
</style>
${parts.join('\n')}
</svg>
`
}

function round(length: number): number {
  return Math.round(length * 10) / 10
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
