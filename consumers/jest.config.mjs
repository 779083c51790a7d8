import base from '../jest.config.mjs'

export default {
  ...base,
  rootDir: import.meta.dirname,
  roots: ['<rootDir>'],
  // Has a configuration of its own.
  testPathIgnorePatterns: ['<rootDir>/workflows/'],
  modulePathIgnorePatterns: ['<rootDir>/clients/'],
  // One file at a time: each starts many programs at once.
  maxWorkers: 1,
  testTimeout: 120_000,
}
