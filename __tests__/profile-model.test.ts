import { describe, test } from '@jest/globals'
import fc from 'fast-check'
import { life, live, undisturbedLife, type Step } from './support/profile-model.js'

// The same lives each time; `npm run soak:home` looks for others.
const RUNS = Number(process.env.PROFILE_LIVES ?? 600)
const SEED = 1

const main = (name: string, setCurrent: boolean, dieAt?: number, cleanup = true): Step => ({
  do: 'main',
  name,
  setCurrent,
  cleanup,
  hours: 1,
  dieAt,
})
const times = (count: number, step: Step): Step[] => Array.from({ length: count }, () => step)
const post = (run: number, dieAt?: number): Step => ({ do: 'post', run, dieAt })
const wait: Step = { do: 'wait', hours: 2 }
const file = (current: string | undefined, ...names: string[]) => ({
  text: JSON.stringify({ current, profiles: names.map((name) => ({ name })), meta_path: '' }),
  names,
})

describe('a home in memory, with mains, posts, kills between the writes, and time that passes', () => {
  test('if only runs of this action write, they leave the file as it was, byte for byte, and match the model in between', async () => {
    await fc.assert(
      fc.asyncProperty(undisturbedLife, (some) => live(some, true)),
      { numRuns: RUNS, seed: SEED },
    )
  })

  test('if other programs write too, nothing of theirs is lost', async () => {
    await fc.assert(
      fc.asyncProperty(life, (some) => live(some, false)),
      { numRuns: RUNS, seed: SEED },
    )
  })

  test.each([
    [
      'a main killed before it wrote, over a run of its name',
      undefined,
      [main('a', false), main('b', true), main('b', true, 1), wait, post(0)],
    ],
    [
      'a main killed before it wrote, in a file without profiles',
      { text: 'null', names: [] },
      [main('default', false), main('default', true, 1)],
    ],
    [
      'the same after others have gone',
      { text: 'null', names: [] },
      [main('default', false), main('ci', false), post(0), main('default', true, 1)],
    ],
    [
      'a main killed before it wrote the very name that is current again after a killed post',
      file(undefined, 'dev', 'default'),
      [main('dev', true), main('default', true, 1), post(0, 2), post(1)],
    ],
    [
      'a repeated post below a run',
      file('default', 'default'),
      [main('a', true), main('b', true), post(0, 2), post(1), post(0)],
    ],
    [
      'a session that is over below one that is not',
      undefined,
      [main('a', false), wait, main('b', false), wait, main('a', false)],
    ],
    [
      'a main killed before it wrote, over a run that covered a user',
      file('default', 'default', 'ci'),
      [main('ci', true), main('ci', true, 2)],
    ],
    [
      'a main killed before it wrote the name that a user has',
      file('u', 'u', 'default'),
      [
        ...times(3, main('default', false)),
        main('default', true),
        main('default', false),
        main('u', true, 2),
        main('default', false),
        post(3, 2),
        post(6),
      ],
    ],
    [
      'a killed post of a session that is over, below a run of a name that a user has',
      file('a&b', 'a&b', 'default'),
      [
        main('ci', true),
        main('ci', false),
        { ...main('default', true), hours: 12 },
        wait,
        post(0, 2),
        post(2),
      ],
    ],
    [
      'a killed post over a run of its name',
      file('default', 'default'),
      [
        ...times(2, main('default', false)),
        main('u', true),
        ...times(3, main('default', false)),
        main('u', false),
        ...times(2, main('default', false)),
        main('u', true),
        main('default', false),
        post(9, 2),
      ],
    ],
  ])('a sequence that failed once works: %s', async (_name, initial, steps) => {
    await live({ file: initial, steps }, true)
  })

  test("a file that holds somebody's profile after a killed post is no longer a run's", async () => {
    const foreign = (edit: 'add' | 'delete'): Step => ({ do: 'foreign', edit, name: 'dev' })
    await live(
      {
        file: { text: '{}', names: [] },
        steps: [
          main('default', false),
          post(0, 1),
          foreign('add'),
          main('default', false),
          foreign('delete'),
        ],
      },
      false,
    )
  })

  test("a killed post does not touch the user's profile of the same name below a later run's", async () => {
    const users = [main('default', true, undefined, false), main('default', false, undefined, false)]
    await live(
      {
        file: file('dev', 'dev', 'default'),
        steps: [...users, main('dev', true), main('default', true), post(2, 2), post(3)],
      },
      false,
    )
  })
})
