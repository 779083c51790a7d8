/**
 * What the step costs, beside other actions on the same work: `npm run bench --
 * official=../their-checkout`. The actions run as whole processes, against the stand-in, over TLS
 * and under the real host names.
 */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { readAction, type Action } from '../stand-in/runner/action-manifest.js'
import { comparisons, growths, type Comparison, type Growth } from './cases.js'
import { chart } from './chart.js'
import { startCloud, type Cloud } from './cloud.js'
import { downloadSize, type DownloadSize } from './download-size.js'
import { measure, type Figures } from './measure.js'
import { nameService, runInNamespace } from './namespace.js'
import type { Spread } from './spread.js'
import { table } from './table.js'

const ROOT = resolve(import.meta.dirname, '..')
const OWN = 'ours'
const MIN_RUNS = 20

const USAGE = `npm run bench -- [NAME=DIR ...] [options]

Times main and post of this action, of the least that Node can do for the same work ("floor"), and of each action NAME in the folder DIR.

  --runs N     timed runs of each action, ${MIN_RUNS} unless told; fewer for a quick look only
  --node PATH  the Node that runs the actions, this one unless told
  --rtt MS     round-trip time of the distant case, 150 unless told
  --sizes      measures how this action's cost grows with its input instead
  --json FILE  writes the figures too
  --svg FILE   draws a chart too`

interface Options {
  readonly peers: readonly (readonly [name: string, folder: string])[]
  readonly runs: number
  readonly node: string
  readonly rttMs: number
  readonly sizes: boolean
  readonly json: string | undefined
  readonly svg: string | undefined
}

/** @returns undefined if only the usage is asked for */
function readOptions(): Options | undefined {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      runs: { type: 'string', default: String(MIN_RUNS) },
      node: { type: 'string', default: process.execPath },
      rtt: { type: 'string', default: '150' },
      sizes: { type: 'boolean', default: false },
      json: { type: 'string' },
      svg: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const number = (name: 'runs' | 'rtt'): number => {
    if (!/^[1-9]\d*$/.test(values[name]))
      throw new Error(`--${name} takes a whole number from 1, not "${values[name]}"`)
    return Number(values[name])
  }
  const peers = positionals.map((text): readonly [string, string] => {
    const [, name, folder] = /^([\w.-]+)=(.+)$/.exec(text) ?? []
    if (name === undefined || folder === undefined)
      throw new Error(`an action is given as NAME=DIR, not "${text}"`)
    return [name, folder]
  })
  const { node, sizes, json, svg } = values
  if (sizes && (svg !== undefined || peers.length > 0))
    throw new Error('--sizes measures this action alone, and draws no chart')
  return { peers, runs: number('runs'), node, rttMs: number('rtt'), sizes, json, svg }
}

async function bench(options: Options): Promise<void> {
  const leadNames = nameService()
  const own = readAction(OWN, ROOT)
  const others =
    leadNames === undefined
      ? []
      : [['floor', resolve(import.meta.dirname, 'floor')] as const, ...options.peers]
  const actions = [own, ...others.map(([name, folder]) => readAction(name, folder))]
  const cloud = await startCloud(leadNames)
  try {
    const about = {
      node: execFileSync(options.node, ['--version'], { encoding: 'utf8' }).trim(),
      machine: `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}`,
      runs: options.runs,
      realHostNames: leadNames !== undefined,
    }
    const results = options.sizes
      ? await growth(cloud, own, options)
      : await comparison(cloud, actions, options)
    console.log(
      `\nNode ${about.node}, ${about.machine}, ${about.runs} runs each, in turns; medians, and the 10th to the 90th percentile.`,
    )
    if (options.json !== undefined)
      writeFileSync(options.json, `${JSON.stringify({ ...about, ...results.figures }, null, 2)}\n`)
    if (options.svg !== undefined && results.chart !== undefined)
      writeFileSync(
        options.svg,
        results.chart(
          `Node ${about.node}, medians of ${about.runs} runs; whiskers from the 10th to the 90th percentile`,
        ),
      )
  } finally {
    await cloud.close()
  }
}

interface Results {
  readonly figures: object
  readonly chart: ((caption: string) => string) | undefined
}

async function comparison(cloud: Cloud, actions: readonly Action[], options: Options): Promise<Results> {
  const measured: { comparison: Comparison; figures: readonly Figures[] }[] = []
  for (const comparison of comparisons(cloud, actions, options.rttMs)) {
    progress(comparison.title)
    measured.push({
      comparison,
      figures: await measure(comparison.contestants, { ...options, cloud, rttMs: comparison.rttMs }),
    })
  }
  const sizes = new Map(actions.map((action) => [action.name, downloadSize(action)]))
  const rows = comparisonRows(measured, sizes)
  const names = actions.map(({ name }) => name)
  const peers = names.filter((name) => name !== OWN)
  const cells = (row: Row): string[] => {
    const values = names.map((name) => row.value(name))
    const ratios = peers.map((peer) => ratio(row.value(OWN), row.value(peer)))
    return [
      row.title,
      ...values.map((value, index) => (value === undefined ? '' : row.text(value, names[index] ?? ''))),
      ...ratios,
    ]
  }
  console.log(`\n${table(['Figure', ...names, ...peers.map((peer) => `${OWN} / ${peer}`)], rows.map(cells))}`)
  return {
    figures: {
      comparisons: measured.map(({ comparison: { id, title, rttMs }, figures }) => ({
        id,
        title,
        rttMs,
        figures,
      })),
      downloads: Object.fromEntries(sizes),
    },
    chart: (caption) =>
      chart(
        rows
          .filter(({ drawn }) => drawn !== undefined)
          .map((row) => ({
            title: row.title,
            unit: row.drawn?.unit ?? '',
            bars: names.flatMap((name) => {
              const value = row.value(name)
              const spread = row.drawn?.spread?.(name)
              if (value === undefined) return []
              return [
                {
                  name,
                  value: value / (row.drawn?.divisor ?? 1),
                  ...(spread === undefined ? {} : { from: spread.p10, to: spread.p90 }),
                },
              ]
            }),
          })),
        OWN,
        caption,
      ),
  }
}

/** A line of the table. */
interface Row {
  readonly title: string
  readonly value: (name: string) => number | undefined
  readonly text: (value: number, name: string) => string
  /** How the chart shows it, if it does. */
  readonly drawn?: {
    readonly unit: string
    readonly divisor?: number
    readonly spread?: (name: string) => Spread | undefined
  }
}

function comparisonRows(
  measured: readonly { comparison: Comparison; figures: readonly Figures[] }[],
  sizes: ReadonlyMap<string, DownloadSize>,
): readonly Row[] {
  const [first] = measured
  const of = (name: string): Figures | undefined => first?.figures.find((figures) => figures.name === name)
  const timed = (title: string, spread: (name: string) => Spread | undefined): Row => ({
    title,
    value: (name) => spread(name)?.median,
    text: (_, name) => spreadText(spread(name)),
    drawn: { unit: 'ms', spread },
  })
  const mains = measured.map(({ comparison, figures }) =>
    timed(comparison.title, (name) => figures.find((candidate) => candidate.name === name)?.main),
  )
  const count = (title: string, value: Row['value']): Row => ({ title, value, text: String })
  const kilobytes = (title: string, value: Row['value']): Row => ({
    title,
    value,
    text: (bytes) => `${whole(bytes / 1000)} KB`,
  })
  const mebibytes = (title: string, value: Row['value']): Row => ({
    title,
    value,
    text: (kibibytes) => `${(kibibytes / 1024).toFixed(1)} MiB`,
  })
  return [
    ...mains,
    timed('post', (name) => of(name)?.post),
    count('requests, OIDC', (name) => of(name)?.requests),
    count('connections, OIDC', (name) => of(name)?.connections),
    count('files loaded by main', (name) => of(name)?.loaded.main.files),
    kilobytes('JavaScript loaded by main', (name) => of(name)?.loaded.main.bytes),
    count('files loaded by post', (name) => of(name)?.loaded.post.files),
    kilobytes('JavaScript loaded by post', (name) => of(name)?.loaded.post.bytes),
    mebibytes('peak memory of main', (name) => of(name)?.memory.main),
    mebibytes('peak memory of post', (name) => of(name)?.memory.post),
    kilobytes('dist', (name) => sizes.get(name)?.dist),
    kilobytes('dist, gzip -9', (name) => sizes.get(name)?.distGzipped),
    {
      ...kilobytes('git archive HEAD | gzip -9', (name) => sizes.get(name)?.archive),
      drawn: { unit: 'KB', divisor: 1000 },
    },
  ]
}

async function growth(cloud: Cloud, own: Action, options: Options): Promise<Results> {
  const measured: { growth: Growth; figures: readonly Figures[] }[] = []
  for (const growth of await growths(cloud, own)) {
    progress(growth.title)
    const contestants = growth.steps.map(({ contestant }) => contestant)
    measured.push({ growth, figures: await measure(contestants, { ...options, cloud, rttMs: 0 }) })
  }
  for (const { growth, figures } of measured) {
    const rows = growth.steps.map(({ amount }, index) => {
      const [now, before] = [figures[index], figures[index - 1]]
      const more = amount - (growth.steps[index - 1]?.amount ?? 0)
      const slope = (entry: 'main' | 'post'): string =>
        now === undefined || before === undefined
          ? ''
          : `${(((now[entry].median - before[entry].median) / more) * 1000).toFixed(0)} µs`
      return [
        amount.toLocaleString('en'),
        spreadText(now?.main),
        slope('main'),
        spreadText(now?.post),
        slope('post'),
        String(now?.requests ?? ''),
        now?.memory.main === undefined ? '' : `${(now.memory.main / 1024).toFixed(1)} MiB`,
      ]
    })
    const each = `each ${growth.unit} more`
    console.log(
      `\n${table([growth.title, 'main', each, 'post', each, 'requests', 'peak memory of main'], rows)}`,
    )
  }
  return {
    figures: {
      growths: measured.map(({ growth, figures }) => ({ title: growth.title, unit: growth.unit, figures })),
    },
    chart: undefined,
  }
}

function spreadText(spread: Spread | undefined): string {
  return spread === undefined
    ? ''
    : `${whole(spread.median)} ms (${whole(spread.p10)} to ${whole(spread.p90)})`
}

function ratio(own: number | undefined, other: number | undefined): string {
  return own === undefined || other === undefined || other === 0 ? '' : (own / other).toFixed(2)
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}

function progress(title: string): void {
  process.stderr.write(`${title} ...\n`)
}

async function program(): Promise<number> {
  const options = readOptions()
  if (options === undefined) {
    console.log(USAGE)
    return 0
  }
  if (nameService() === undefined) {
    const exitCode = runInNamespace()
    if (exitCode !== undefined) return exitCode
    console.error(
      'This machine allows no private namespaces (unshare -rnm), so that real host names cannot lead to the stand-in. Only this action is measured, by its sts-endpoint.',
    )
  }
  await bench(options)
  return 0
}

try {
  process.exitCode = await program()
} catch (failure) {
  console.error(failure instanceof Error ? failure.message : failure)
  process.exitCode = 1
}
