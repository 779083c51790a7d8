import { test } from '@jest/globals'

/**
 * `test` for what Windows does not have. There, the test is skipped, and its title says why:
 * `posixOnly('Windows has no mode bits')('...', ...)`.
 *
 * @param reason a clause without a full stop
 */
export function posixOnly(reason: string, platform: NodeJS.Platform = process.platform): typeof test {
  if (platform !== 'win32') return test
  const because = (title: unknown): string => `${String(title)} [skipped on Windows: ${reason}]`
  const skip = (title: unknown, ...rest: unknown[]): unknown =>
    Reflect.apply(test.skip, undefined, [because(title), ...rest])
  const each =
    (...table: unknown[]) =>
    (title: unknown, ...rest: unknown[]): unknown =>
      Reflect.apply(Reflect.apply(test.skip.each, undefined, table) as typeof skip, undefined, [
        because(title),
        ...rest,
      ])
  return Object.assign(skip, { each }) as unknown as typeof test
}
