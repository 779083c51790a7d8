/**
 * The rules by which the simulated runner treats a step, each with the file of actions/runner that
 * has it. The scenarios rest on them: a rule that is wrong here makes tests pass that would fail on
 * GitHub.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parse } from 'yaml'
import { readAction } from '../stand-in/runner/action-manifest.js'
import { createMasks } from '../stand-in/runner/masks.js'
import { homeVariables, runnerEnvironment } from '../stand-in/runner/runner-environment.js'
import {
  startRunnerJob,
  type RunnerJob,
  type RunnerJobOptions,
  type StepRun,
} from '../stand-in/runner/runner-job.js'
import { parseKeyValues } from '../stand-in/runner/step-files.js'
import { drawn, readStreams, startLog, type StepLog } from '../stand-in/runner/step-log.js'
import type { Interruption } from '../stand-in/runner/step-process.js'
import { asRunnerGives, evaluate } from '../stand-in/runner/with-values.js'
import { COMMAND_NAMES, linesOf, parseCommand } from '../stand-in/runner/workflow-commands.js'
import { linuxOnly, posixOnly } from './support/platform.js'
import { useFolder } from './support/set-up.js'
import { until } from './support/until.js'

const KNOWN = new Set(COMMAND_NAMES)

describe('values of a workflow file (NumberToken.cs, YamlObjectReader.cs)', () => {
  test.each([
    ['2222222222222222', '2.22222222222222E+15'],
    ['1234567890123456', '1.23456789012346E+15'],
    ['-1234567890123456', '-1.23456789012346E+15'],
    ['1000000000000000', '1E+15'],
    ['999999999999999', '999999999999999'],
    ['123456789012', '123456789012'],
    ['0123', '123'],
    ['0o17', '15'],
    ['0x1F', '31'],
    ['3600', '3600'],
    ['1.50', '1.5'],
    ['1e3', '1000'],
    ['0.1', '0.1'],
    ['0.0001', '0.0001'],
    ['0.00001', '1E-05'],
    ['1e300', '1E+300'],
    ['-0', '-0'],
    ['.inf', 'Infinity'],
    ['.nan', 'NaN'],
    ['true', 'true'],
    ['True', 'true'],
    ['FALSE', 'false'],
    ['yes', 'yes'],
    ['null', ''],
    ['~', ''],
    ['', ''],
    ['1_000', '1_000'],
    ["'2222222222222222'", '2222222222222222'],
    ['"1e3"', '1e3'],
    ['2026-01-02', '2026-01-02'],
  ])('%s arrives as "%s"', (yaml, given) => {
    expect(asRunnerGives((parse(`value: ${yaml}`) as { value: unknown }).value)).toBe(given)
  })

  test('no whole number of 16 digits keeps its digits unless it ends in a zero, and every shorter one does', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 15 - 1 }), (number) => {
        expect(asRunnerGives(number)).toBe(String(number))
      }),
    )
    fc.assert(
      fc.property(fc.integer({ min: 10 ** 15, max: 9 * 10 ** 15 }), (number) => {
        expect(asRunnerGives(number)).toMatch(/^\d(\.\d{1,14})?E\+15$/)
      }),
    )
  })

  test('a list and a mapping are no values', () => {
    expect(() => asRunnerGives(['a'])).toThrow('a string, a number, a boolean or nothing')
    expect(() => asRunnerGives({})).toThrow('a string, a number, a boolean or nothing')
  })

  test('an expression takes a property of a context, which is empty if it is not there', () => {
    const contexts = { secrets: new Map([['KEY', 'k1']]), env: new Map([['NAME', 'ci']]) }
    expect(evaluate('${{ secrets.KEY }}/${{env.NAME}}/${{ secrets.ABSENT }}', contexts)).toBe('k1/ci/')
    expect(() => evaluate('${{ github.actor }}', contexts)).toThrow('${{ github.actor }}')
    expect(() => evaluate("${{ format('{0}', 1) }}", contexts)).toThrow('format')
  })
})

describe('workflow commands (ActionCommand.cs)', () => {
  const command = (line: string): unknown => {
    const parsed = parseCommand(line, KNOWN)
    return parsed && [parsed.name, Object.fromEntries(parsed.properties), parsed.data]
  }

  test.each([
    ['::error::text', ['error', {}, 'text']],
    [' \t::error::text', ['error', {}, 'text']],
    ['::ERROR::text', ['error', {}, 'text']],
    ['::error title=A%3A b%2C c,line=2::text', ['error', { title: 'A: b, c', line: '2' }, 'text']],
    ['::error ::text', ['error', {}, 'text']],
    ['::error title=,file::text', ['error', {}, 'text']],
    ['::error::a%0Ab%0Dc%25d', ['error', {}, 'a\nb\rc%d']],
    ['::error::%250A', ['error', {}, '%0A']],
    ['::error::%3A%2C', ['error', {}, '%3A%2C']],
    ['::error::a::b', ['error', {}, 'a::b']],
    ['::add-mask::', ['add-mask', {}, '']],
    ['text ##[error]more', ['error', {}, 'more']],
    ['text ##[error title=a%5Db%3Bc;x=1]m%0A', ['error', { title: 'a]b;c', x: '1' }, 'm\n']],
    ['::unknown::##[warning]x', ['warning', {}, 'x']],
  ])('%j is a command', (line, expected) => {
    expect(command(line)).toEqual(expected)
  })

  test.each([
    'text ::error::x',
    '::error',
    '::error:x',
    '::unknown::x',
    '::internal-set-repo-path::x',
    '##[error',
    '##[section]x',
    '#[error]x',
  ])('%j is a line of output', (line) => {
    expect(parseCommand(line, KNOWN)).toBeUndefined()
  })

  test('a carriage return ends a line, and so begins one that may be a command (StreamReader.ReadLine)', () => {
    expect(linesOf('a\r::error::b\r\n\nc\n')).toEqual(['a', '::error::b', '', 'c'])
    expect(linesOf('')).toEqual([])
  })
})

interface Read extends Omit<StepLog, 'log' | 'annotations'> {
  readonly lines: readonly string[]
  readonly annotations: StepLog['annotations']
}

function read(stdout: string, { stderr = '', debug = false, masks = createMasks() } = {}): Read {
  const writer = startLog(masks)
  const found = readStreams({ stdout, stderr }, masks, writer, debug)
  return { ...found, lines: writer.log().split('\n').slice(0, -1), annotations: writer.annotations }
}

describe('a log (ActionCommandManager.cs, ExecutionContext.cs)', () => {
  test.each(['error', 'warning', 'notice'] as const)(
    'keeps 4,096 UTF-16 units of an %s, in the annotation and in the line (AddIssue)',
    (kind) => {
      const { lines, annotations } = read(`::${kind} title=T::${'\u{1F600}'.repeat(3000)}\n`)
      expect(annotations.map(({ title, message }) => [title, message.length])).toEqual([['T', 4096]])
      expect(lines).toEqual([`##[${kind}]${'\u{1F600}'.repeat(2048)}`])
    },
  )

  test('does not cut a plain line', () => {
    expect(read(`${'x'.repeat(9000)}\n`).lines[0]).toHaveLength(9000)
  })

  test('keeps ten annotations of a kind, and every line (AddIssue)', () => {
    const { lines, annotations } = read(`${'::warning::w\n'.repeat(12)}::error::e\n`)
    expect(annotations.map(({ kind }) => kind)).toEqual([...Array<string>(10).fill('warning'), 'error'])
    expect(lines).toHaveLength(13)
  })

  test('masks a message before it cuts it (AddIssue)', () => {
    const { annotations } = read(
      `::add-mask::${'s'.repeat(100)}\n::error::${'s'.repeat(100)}${'x'.repeat(5000)}`,
    )
    expect(annotations[0]?.message).toBe(`***${'x'.repeat(4093)}`)
  })

  test('hides a value only after its mask', () => {
    expect(read('before value\n::add-mask::value\nafter value\n').lines).toEqual([
      'before value',
      'after ***',
    ])
  })

  test('shows standard error before it obeys the masks of the same output (ProcessInvoker.cs)', () => {
    expect(read('::add-mask::value\n', { stderr: 'value\n' }).lines).toEqual(['value'])
  })

  test('obeys commands on standard error too (NodeScriptActionHandler.cs)', () => {
    expect(read('value\n', { stderr: '::add-mask::value\n' })).toMatchObject({
      lines: ['***'],
      masks: ['value'],
    })
  })

  test('obeys nothing, masks included, between stop-commands and its token', () => {
    const { lines, masks } = read(
      '::stop-commands::a-token\n::add-mask::value\n::error::value\n::A-token::\n::add-mask::value\nvalue\n',
    )
    expect(lines).toEqual([
      '::stop-commands::***',
      '::add-mask::value',
      '::error::value',
      '::A-token::',
      '***',
    ])
    expect(masks).toEqual(['value'])
  })

  test.each(['', 'error', 'pause-logging'])('takes no stop token %j', (token) => {
    const { refused, annotations } = read(`::stop-commands::${token}\n::warning::still obeyed\n`)
    expect(refused).toBe(true)
    expect(annotations.map(({ kind }) => kind)).toEqual(['error', 'error', 'warning'])
  })

  test('sets outputs and state by commands as well', () => {
    const { outputs, state } = read('::set-output name=a::1%0A2\n::save-state name=b::3\n')
    expect([[...outputs], [...state]]).toEqual([[['a', '1\n2']], [['b', '3']]])
  })

  test.each(['::set-env name=A::b', '::add-path::/x', '::set-output::a'])(
    'refuses %s, which fails the step',
    (line) => {
      expect(read(line)).toMatchObject({ refused: true, annotations: [{ kind: 'error' }, { kind: 'error' }] })
    },
  )

  test('shows debug lines in a debug log alone', () => {
    expect(read('::debug::a%0Ab\n').lines).toEqual([])
    expect(read('::debug::a%0Ab\n', { debug: true }).lines).toEqual(['##[debug]a', '##[debug]b'])
  })

  test('echoes commands while it is asked to, never a mask', () => {
    const { lines } = read('::echo::on\n::add-mask::value\n::group::g\n::echo::off\n::endgroup::\n')
    expect(lines).toEqual(['::add-mask::***', '::group::g', '##[group]g', '::echo::off', '##[endgroup]'])
  })

  test('is drawn with groups and names of what is no plain line', () => {
    const { lines } = read('::group::Title\nin it\n\n::endgroup::\n::error::one%0Atwo\n::notice::three\n')
    expect(drawn(lines.join('\n'))).toBe('▾ Title\n  in it\n\nError: one\ntwo\nNotice: three')
  })
})

describe('masks (SecretMasker.cs, ValueEncoders.cs)', () => {
  const masked = (mask: string, text: string): string => createMasks([mask]).apply(text)
  const SECRET = `p"a's<s>&w ö/ord`

  test.each([
    ['as it is', SECRET],
    ['in base64', Buffer.from(SECRET).toString('base64')],
    ['in base64, from the second byte', Buffer.from(SECRET).subarray(1).toString('base64')],
    ['in base64, from the third byte', Buffer.from(SECRET).subarray(2).toString('base64')],
    ['as an argument in double quotes', SECRET.replaceAll('"', '\\"')],
    ["with an expression's quotes", SECRET.replaceAll("'", "''")],
    ['as a JSON string', JSON.stringify(SECRET).slice(1, -1)],
    ['percent-encoded', 'p%22a%27s%3Cs%3E%26w%20%C3%B6%2Ford'],
    ['in XML', 'p&quot;a&apos;s&lt;s&gt;&amp;w ö/ord'],
    ['up to its last ampersand (PowerShell)', `p"a's<s>&`],
    ['after its last ampersand (PowerShell)', 'w ö/ord'],
  ])('hide a value %s', (_, form) => {
    expect(masked(SECRET, `[${form}]`)).toBe('[***]')
  })

  test.each([
    ['in hexadecimal', Buffer.from(SECRET).toString('hex')],
    ['percent-encoded in lower case', encodeURIComponent(SECRET).toLowerCase()],
    ['percent-encoded twice', encodeURIComponent(encodeURIComponent(SECRET))],
    ['in the other case', SECRET.toUpperCase()],
  ])('do not hide a value %s', (_, form) => {
    expect(masked(SECRET, `[${form}]`)).toBe(`[${form}]`)
  })

  test('do not hide base64url', () => {
    expect(masked('~~~???>>>', Buffer.from('~~~???>>>').toString('base64url'))).not.toContain('***')
  })

  test('hide what a value in double quotes contains, if it is long enough', () => {
    expect(masked('"a secret"', 'a secret')).toBe('***')
    expect(masked('"secret"', 'secret')).toBe('secret')
  })

  test('of several lines hide each line, trimmed, a lone brace too (AddMaskCommandExtension)', () => {
    expect(masked('{\n  "key": 1\r\n}', 'x } "key": 1 { y')).toBe('x *** *** *** y')
  })

  test('have no minimum length', () => {
    expect(masked('a', 'banana')).toBe('b***n***n***')
  })

  test('that overlap or touch are one run of stars', () => {
    const masks = createMasks(['abc', 'cde', 'fg'])
    expect(masks.apply('abcdefg abc-fg')).toBe('*** ***-***')
    expect(createMasks(['aa']).apply('aaa')).toBe('***')
  })

  test('never leave the value itself in the text', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string(), fc.string(), (value, before, after) => {
        fc.pre(!value.includes('*'))
        expect(masked(value, before + value + after)).not.toContain(value)
      }),
    )
  })
})

describe('file commands (FileCommandManager.cs)', () => {
  const parsed = (text: string, platform: NodeJS.Platform = 'linux'): unknown => {
    const { values, fault } = parseKeyValues(text, platform)
    return fault === undefined ? [...values] : [...values, fault]
  }

  test.each([
    ['one line', 'a=1\n', [['a', '1']]],
    ['no end of line', 'a=1', [['a', '1']]],
    ['an equals sign in the value', 'a=b=c\n', [['a', 'b=c']]],
    ['an empty value', 'a=\n', [['a', '']]],
    ['a delimiter', 'a<<E\n1\n2\nE\n', [['a', '1\n2']]],
    ['a delimiter at the end of the file', 'a<<E\n1\nE', [['a', '1']]],
    ['no line between the delimiters', 'a<<E\nE\n', [['a', '']]],
    ['an empty line between the delimiters', 'a<<E\n\nE\n', [['a', '']]],
    [
      'a line like a pair between the delimiters',
      'a<<E\nb=1\nE\nc=2',
      [
        ['a', 'b=1'],
        ['c', '2'],
      ],
    ],
    ['"<<" after an equals sign', 'a=b<<c\n', [['a', 'b<<c']]],
    [
      'empty lines between pairs',
      '\na=1\n\n\nb=2\n',
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    [
      'a name twice',
      'a=1\nb=2\na=3\n',
      [
        ['a', '3'],
        ['b', '2'],
      ],
    ],
  ])('read %s', (_, text, values) => {
    expect(parsed(text)).toEqual(values)
  })

  test.each([
    ['a line that is neither', 'b=1\nword\n', [['b', '1'], "Invalid format 'word'"]],
    ['a name that is empty', '<<E\nE\n', [expect.stringContaining('Name must not be empty')]],
    ['a delimiter that is empty', 'a<<\n', [expect.stringContaining('delimiter must not be empty')]],
    [
      'a value without its end',
      'b=1\na<<E\n1\n',
      [['b', '1'], "Invalid value. Matching delimiter not found 'E'"],
    ],
    ['a last line that is cut', 'a<<END\n1\nEN', ['Invalid value. EOF marker missing new line.']],
  ])('stop at %s: what came before counts', (_, text, values) => {
    expect(parsed(text)).toEqual(values)
  })

  test('take a carriage return for a part of the end of a line on Windows alone', () => {
    const text = 'a<<E\r\n1\r\n2\r\nE\r\nb=3\r\n'
    expect(parsed(text, 'win32')).toEqual([
      ['a', '1\r\n2'],
      ['b', '3'],
    ])
    expect(parsed(text, 'linux')).toEqual([
      ['a', '1\r\n2\r'],
      ['b', '3\r'],
    ])
    expect(parsed('a<<E\n1\r\n2\nE\n', 'win32')).toEqual([['a', '1\r\n2']])
  })
})

describe('the environment', () => {
  const folders = { home: 'C:\\Users\\runneradmin', workspace: 'D:\\a\\r\\r', temp: 'D:\\a\\_temp' }

  test('has no HOME on Windows, but the variables of the profile folder', () => {
    const env = runnerEnvironment(folders, 'win32', { PATH: 'p', SystemRoot: 'C:\\Windows', HOME: '/c/x' })
    expect(env).toMatchObject({
      USERPROFILE: 'C:\\Users\\runneradmin',
      HOMEDRIVE: 'C:',
      HOMEPATH: '\\Users\\runneradmin',
      SystemRoot: 'C:\\Windows',
      RUNNER_OS: 'Windows',
    })
    expect(env).not.toHaveProperty('HOME')
  })

  test("has the machine's home elsewhere, and nothing else of the machine but PATH", () => {
    const env = runnerEnvironment({ ...folders, home: '/h' }, 'darwin', {
      PATH: 'p',
      SystemRoot: 'x',
      SECRET: 'x',
    })
    expect(env).toMatchObject({ HOME: '/h', PATH: 'p', RUNNER_OS: 'macOS' })
    expect(Object.values(env)).not.toContain('x')
    expect(homeVariables('/h', 'linux')).toEqual({ HOME: '/h' })
  })
})

describe('a job', () => {
  const folder = useFolder()
  let job: RunnerJob | undefined
  afterEach(() => {
    job?.remove()
    job = undefined
  })
  beforeEach(() => {
    writeFileSync(
      join(folder(), 'action.yml'),
      [
        'inputs:',
        '  name: { default: someone }',
        '  account id: { default: 1234567890123456 }',
        '  quiet: { required: true }',
        '  old: { deprecationMessage: Use name. }',
        'runs: { using: node20, main: main.mjs, post: post.mjs }',
      ].join('\n'),
    )
    script('main', '')
    script('post', '')
  })

  /** Writes a script of the action: what it does is what is tested. */
  function script(name: 'main' | 'post', body: string): void {
    const head = "import { appendFileSync, writeFileSync } from 'node:fs'\nconst { env } = process\n"
    writeFileSync(join(folder(), `${name}.mjs`), `${head}${body}\n`)
  }

  function start(options: Partial<RunnerJobOptions> = {}): RunnerJob {
    job = startRunnerJob({ action: readAction('a test', folder()), ...options })
    return job
  }

  const main = async (body: string, interruption?: Interruption): Promise<StepRun> => {
    script('main', body)
    return (job ?? start()).main({ inputs: {} }, { interruption })
  }

  test('gives every input of the manifest, with its default, if a workflow gives none (ActionRunner.cs)', async () => {
    const show =
      'for (const name of Object.keys(env).filter((n) => n.startsWith("INPUT_")).sort()) console.log(name, env[name])'
    script('main', show)
    const run = await start().main({
      inputs: { name: 2222222222222222, 'account id': '1', new: true, old: '' },
    })
    expect(linesOf(run.stdout)).toEqual([
      'INPUT_ACCOUNT_ID 1',
      'INPUT_NAME 2.22222222222222E+15',
      'INPUT_NEW true',
      'INPUT_OLD ',
      'INPUT_QUIET ',
    ])
    expect(run.annotations.map(({ kind, message }) => [kind, message])).toEqual([
      ['warning', "Input 'old' has been deprecated with message: Use name."],
      ['warning', "Unexpected input(s) 'new', valid inputs are ['name', 'account id', 'quiet', 'old']"],
    ])
    expect(run.warnings).toEqual([])
    expect(linesOf((await main(show)).stdout).slice(0, 2)).toEqual([
      'INPUT_ACCOUNT_ID 1.23456789012346E+15',
      'INPUT_NAME someone',
    ])
  })

  test("evaluates inputs and the env of the step again for post; only state is the step's own (ActionRunner.cs)", async () => {
    script('main', 'appendFileSync(env.GITHUB_STATE, `kept=${env.INPUT_NAME}\\n`)')
    script('post', 'console.log(env.INPUT_NAME, env.OWN, env.STATE_kept)')
    start({ env: { WHO: 'first' }, secrets: { KEY: 'the-secret' } })
    await job?.main({ inputs: { name: '${{ env.WHO }}' }, env: { OWN: '${{ secrets.KEY }}${{ env.WHO }}' } })
    const later = 'require("fs").appendFileSync(process.env.GITHUB_ENV, "WHO=second\\n")'
    await job?.run(process.execPath, ['-e', later])
    const [post] = (await job?.posts()) ?? []
    expect(post?.stdout).toBe('second the-secretsecond first\n')
    expect(post?.log).toBe('second ***second first\n')
  })

  test('runs posts last in, first out, each once, though a main has failed', async () => {
    script('post', 'console.log(env.INPUT_NAME)')
    script('main', 'process.exitCode = env.INPUT_NAME === "2" ? 1 : 0')
    start()
    const mains = [1, 2, 3].map((name) => async () => job?.main({ inputs: { name } }))
    const conclusions: unknown[] = []
    for (const run of mains) conclusions.push((await run())?.conclusion)
    expect(conclusions).toEqual(['success', 'failure', 'success'])
    expect((await job?.posts())?.map(({ stdout }) => stdout)).toEqual(['3\n', '2\n', '1\n'])
    expect(await job?.posts()).toEqual([])
  })

  test('processes the files of a step that fails, up to the line that is wrong (ActionRunner.cs)', async () => {
    const run = await main('appendFileSync(env.GITHUB_ENV, "A=1\\nB<<E\\n2"); process.exit(3)')
    expect([run.exitCode, run.conclusion, [...run.env]]).toEqual([3, 'failure', [['A', '1']]])
    expect(run.errors).toEqual([
      "Unable to process file command 'env' successfully.",
      'Invalid value. EOF marker missing new line.',
    ])
    expect(job?.env.get('A')).toBe('1')
  })

  test('fails a step that writes a file nobody can read, though it ended well', async () => {
    expect(await main('writeFileSync(env.GITHUB_OUTPUT, "word")')).toMatchObject({
      exitCode: 0,
      conclusion: 'failure',
    })
  })

  test('blocks NODE_OPTIONS, and nothing else, in GITHUB_ENV (SetEnvFileCommand)', async () => {
    const run = await main('appendFileSync(env.GITHUB_ENV, "Node_Options=--x\\nLD_PRELOAD=x\\nEMPTY=\\n")')
    expect([...run.env]).toEqual([
      ['LD_PRELOAD', 'x'],
      ['EMPTY', ''],
    ])
    expect(run.errors).toEqual(["Can't store NODE_OPTIONS output parameter using '$GITHUB_ENV' command."])
  })

  test('puts added folders before PATH, the last first (AddPathFileCommand)', async () => {
    await main('appendFileSync(env.GITHUB_PATH, "/one\\n/two\\n")')
    expect((await main('console.log(env.PATH)')).stdout).toMatch(/^\/two[:;]\/one[:;]/)
  })

  test('uploads a summary of 1 MiB and no more (CreateStepSummaryCommand)', async () => {
    const full = await main('writeFileSync(env.GITHUB_STEP_SUMMARY, "x".repeat(1024 * 1024))')
    expect([full.summary.length, full.errors]).toEqual([1024 * 1024, []])
    const more = await main('writeFileSync(env.GITHUB_STEP_SUMMARY, "x".repeat(1024 * 1024 + 1))')
    expect([more.summary, more.errors]).toEqual(['', [expect.stringContaining('up to a size of 1024k')]])
  })

  test('drops job outputs that are empty or contain a mask, even within (JobExtension.cs)', async () => {
    const run = await main(
      'console.log("::add-mask::4242"); appendFileSync(env.GITHUB_OUTPUT, "plain=1\\narn=role/4242/x\\nempty=\\n")',
    )
    expect([...run.outputs.keys()]).toEqual(['plain', 'arn', 'empty'])
    expect(job?.jobOutputs(run.outputs)).toEqual({
      outputs: new Map([['plain', '1']]),
      log: "##[warning]Skip output 'arn' since it may contain secret.\n",
    })
  })

  test('keeps masks for all its steps, and masks secrets and the request token before the first', async () => {
    start({
      secrets: { KEY: 'the-secret' },
      runnerEnv: { ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'the-request-token' },
    })
    await main('console.log("::add-mask::of-the-first")')
    const { log } = await main('console.log("the-secret the-request-token of-the-first")')
    expect(log).toBe('*** *** ***\n')
  })

  test('has a workspace, a home and an event, and closes standard input', async () => {
    const { stdout } = await main(
      'process.stdin.on("end", () => console.log(JSON.stringify([process.cwd(), env.HOME ?? env.USERPROFILE, env.GITHUB_EVENT_PATH]))).resume()',
    )
    const [cwd, home, event = ''] = JSON.parse(stdout) as string[]
    expect([cwd, home]).toEqual([job?.workspace, job?.home])
    expect(JSON.parse(readFileSync(event, 'utf8'))).toMatchObject({ ref: 'refs/heads/main' })
  })

  test('a home that is given outlives the job', async () => {
    const home = join(folder(), 'shared')
    mkdirSync(home)
    start({ home })
    await main('writeFileSync(`${env.HOME ?? env.USERPROFILE}/left`, "x")')
    job?.remove()
    expect(readFileSync(join(home, 'left'), 'utf8')).toBe('x')
  })

  test('a killed step has said nothing on its way out, and its post still runs', async () => {
    const begun = join(folder(), 'begun')
    const run = await main(
      `process.on("exit", () => console.log("bye")); setInterval(() => {}, 1000); writeFileSync(${JSON.stringify(begun)}, "")`,
      { kind: 'kill', at: until(() => existsSync(begun), 'the beginning of main') },
    )
    expect(run).toMatchObject({ exitCode: null, signal: 'SIGKILL', stdout: '', conclusion: 'failure' })
    expect(await job?.posts()).toHaveLength(1)
  })

  const signalled = posixOnly('Windows has no signals: a cancelled process is killed')
  signalled.each([
    // Only a signal that is ignored is followed by the next one.
    ['SIGINT, if that ends it', '', {}, { exitCode: null, signal: 'SIGINT' }],
    [
      'SIGTERM, if SIGINT did not',
      'process.on("SIGINT", () => {})',
      { afterInterrupt: 100 },
      { exitCode: null, signal: 'SIGTERM' },
    ],
    [
      'SIGKILL, if neither did',
      'process.on("SIGINT", () => {}); process.on("SIGTERM", () => {})',
      { afterInterrupt: 100, afterTerminate: 100 },
      { exitCode: null, signal: 'SIGKILL' },
    ],
    [
      'SIGINT, after which it may tidy up',
      'process.on("SIGINT", () => process.exit(5))',
      {},
      { exitCode: 5, signal: null },
    ],
  ])('a cancelled step gets %s (ProcessInvoker.cs)', async (_, body, waits, end) => {
    const begun = join(folder(), 'begun')
    const interruption: Interruption = {
      kind: 'cancel',
      at: until(() => existsSync(begun), 'the beginning of main'),
      afterInterrupt: 3_600_000,
      afterTerminate: 3_600_000,
      ...waits,
    }
    const run = await main(
      `${body}; setInterval(() => {}, 1000); writeFileSync(${JSON.stringify(begun)}, "")`,
      interruption,
    )
    expect(run).toMatchObject({ ...end, conclusion: 'cancelled' })
    expect(await job?.posts()).toHaveLength(1)
  })

  const LEAVE = `import { spawn } from 'node:child_process'
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 20000)'], { detached: true, stdio: STDIO })
    child.unref()`

  const listed = linuxOnly('the environment of other processes cannot be read elsewhere')
  listed(
    'a process that a step leaves is found by RUNNER_TRACKING_ID, and ended with the job (JobExtension.cs)',
    async () => {
      const run = await main(LEAVE.replace('STDIO', '"ignore"'))
      expect(run.heldStreams).toBe(false)
      const [orphan = 0, ...others] = job?.orphans() ?? []
      expect(others).toEqual([])
      job?.remove()
      await until(() => !runs(orphan), 'the end of what the step had left')
    },
  )

  const removed = posixOnly('a process that is left there keeps the workspace from being removed')
  removed('a process that keeps the streams open is noticed (ProcessInvoker.cs)', async () => {
    script('main', LEAVE.replace('STDIO', '"inherit"'))
    const run = await start({ heldStreamsLimit: 50 }).main({ inputs: {} })
    expect(run).toMatchObject({ exitCode: 0, heldStreams: true })
  })
})

function runs(id: number): boolean {
  try {
    return readFileSync(`/proc/${id}/cmdline`, 'utf8') !== ''
  } catch {
    return false
  }
}
