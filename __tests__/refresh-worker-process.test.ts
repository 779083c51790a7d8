import { describe, expect, test } from '@jest/globals'
import { findWorkerProcess, isAlive, parseStat } from '../src/refresh/worker-process.js'

type Stat = NonNullable<ReturnType<typeof parseStat>>

const tree = (processes: Readonly<Record<number, Partial<Stat>>>) => (pid: number) => {
  const stat = processes[pid]
  return stat === undefined ? 'gone' : { name: 'bash', state: 'S', parent: 1, startTime: '7', ...stat }
}

const statText = (name: string, state = 'S'): string =>
  `42 (${name}) ${state} 41 42 42 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 98765 1000 200 18446744073709551615\n`

describe('/proc/<pid>/stat', () => {
  test.each(['Runner.Worker', 'a name', ') S 1 (', '', 'x\ny'])('of a process called %j', (name) => {
    expect(parseStat(statText(name))).toEqual({ name, state: 'S', parent: 41, startTime: '98765' })
  })

  test.each(['', 'nonsense', '42 (short) S 41'])('%j cannot be read', (text) => {
    expect(parseStat(text)).toBeUndefined()
  })
})

describe('the worker', () => {
  test('is the nearest ancestor of its name', () => {
    const read = tree({
      30: { parent: 20 },
      20: { name: 'Runner.Worker', parent: 10, startTime: '99' },
      10: { name: 'Runner.Worker', parent: 1 },
    })
    expect(findWorkerProcess(30, read)).toEqual({ pid: 20, startTime: '99' })
  })

  test('is known by its program, if it has renamed its main thread', () => {
    const read = tree({
      30: { parent: 20, name: 'MainThread', program: 'node' },
      20: { name: 'MainThread', program: 'Runner.Worker', startTime: '99' },
    })
    expect(findWorkerProcess(30, read)).toEqual({ pid: 20, startTime: '99' })
  })

  test.each([
    ['there is none', { 30: { parent: 1 }, 1: { parent: 0 } }],
    ['a PID namespace hides it', { 30: { parent: 0 } }],
    ['its parents go round', { 30: { parent: 31 }, 31: { parent: 30 } }],
    ['nothing can be seen', {}],
  ])('is unknown if %s', (_, processes) => {
    expect(findWorkerProcess(30, tree(processes))).toBeUndefined()
  })

  test.each([
    ['running', { 20: { startTime: '99', state: 'R' } }, true],
    ['asleep', { 20: { startTime: '99' } }, true],
    ['gone', {}, false],
    ['dead but not yet buried', { 20: { startTime: '99', state: 'Z' } }, false],
    ['another process of the same ID', { 20: { startTime: '100' } }, false],
  ] as const)('%s', (_, processes, expected) => {
    expect(isAlive({ pid: 20, startTime: '99' }, tree(processes))).toBe(expected)
  })

  test('is not gone because it cannot be read for a moment', () => {
    expect(isAlive({ pid: 20, startTime: '99' }, () => 'unreadable')).toBe(true)
    expect(findWorkerProcess(20, () => 'unreadable')).toBeUndefined()
  })
})
