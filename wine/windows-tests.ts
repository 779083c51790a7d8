/** The tests in which Windows differs, and those that show that nothing else does. Held to five minutes on two cores. */
export const WINDOWS_TESTS = ['__tests__/arn.test.ts']
