import { expect, test } from '@jest/globals'
import { disagreements, tableOf } from './results.js'

const GO = { version: '1.4.14', variables: 'yes', profile: 'yes', expired: '`Expired`' }
const RAN = new Map([
  ['go', GO],
  ['terraform', { ...GO, version: '1.11.4' }],
] as const)
const page = (table: string): string =>
  `# Title\n\n| A | B |\n| --- | --- |\n| x | y |\n\n${table}\n\nMore.\n`

test('a page that has the table agrees with it, also with a newer program on PATH and with rows that are known otherwise', () => {
  const table = tableOf(RAN)
  expect(disagreements(page(table), RAN)).toEqual([])
  expect(disagreements(page(table.replace('1.11.4', '1.13.0')), RAN)).toEqual([])
  expect(disagreements(page(`${table}\n| Packer | from source, not run | yes | no | |`), RAN)).toEqual([])
  expect(disagreements(page(`${table}\n| aliyun CLI | 3.4.11 | yes | yes | no |`), RAN)).toEqual([])
})

test.each([
  ['no table', () => '', /^There is no table of programs\. It would be:\n\| Program/],
  [
    'another version of a library',
    (table: string) => table.replace('1.4.14', '1.4.13'),
    /^This was run, .*credentials-go \| 1\.4\.14/,
  ],
  [
    'another result',
    (table: string) => table.replace('1.11.4 | yes', '1.11.4 | no'),
    /^This was run, .*Terraform/,
  ],
  ['a row less', (table: string) => table.split('\n').slice(0, -1).join('\n'), /^This was run, .*Terraform/],
  [
    'a row that nothing runs',
    (table: string) => `${table}\n| Packer | 1.14 | yes | no | |`,
    /^No test runs this: \| Packer/,
  ],
])('%s is told', (_, change, fault) => {
  expect(disagreements(page(change(tableOf(RAN))), RAN)).toEqual([expect.stringMatching(fault)])
})
