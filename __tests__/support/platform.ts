import { test } from '@jest/globals'

/**
 * `test` for what Windows does not have. There, the test is skipped, and its title says why:
 * `posixOnly('Windows has no mode bits')('...', ...)`.
 *
 * @param reason a clause without a full stop
 */
export function posixOnly(reason: string, platform: NodeJS.Platform = process.platform): typeof test {
  return platform === 'win32' ? skipped(`skipped on Windows: ${reason}`) : test
}

/**
 * `test` for what only Linux has. Anywhere else, the test is skipped, and its title says why.
 *
 * @param reason a clause without a full stop
 */
export function linuxOnly(reason: string, platform: NodeJS.Platform = process.platform): typeof test {
  return platform === 'linux' ? test : skipped(`only on Linux: ${reason}`)
}

/**
 * `test` for what only Windows has. Anywhere else, the test is skipped, and its title says why.
 *
 * @param reason a clause without a full stop
 */
export function windowsOnly(reason: string, platform: NodeJS.Platform = process.platform): typeof test {
  return platform === 'win32' ? test : skipped(`only on Windows: ${reason}`)
}

function skipped(because: string): typeof test {
  const titled = (title: unknown): string => `${String(title)} [${because}]`
  const skip = (title: unknown, ...rest: unknown[]): unknown =>
    Reflect.apply(test.skip, undefined, [titled(title), ...rest])
  const each =
    (...table: unknown[]) =>
    (title: unknown, ...rest: unknown[]): unknown =>
      Reflect.apply(Reflect.apply(test.skip.each, undefined, table) as typeof skip, undefined, [
        titled(title),
        ...rest,
      ])
  return Object.assign(skip, { each }) as unknown as typeof test
}
