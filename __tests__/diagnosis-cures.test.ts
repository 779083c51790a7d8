/** What a message tells people to paste or to click works. */
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import { fingerprintCommands } from '../src/diagnosis/fingerprint.js'
import { helpPage } from '../src/diagnosis/help-page.js'
import { anchorOf, stsAnswer } from '../src/diagnosis/sts-answer.js'
import { STS_ANSWERS } from '../src/diagnosis/sts-codes.js'
import { logText } from '../src/text/document.js'
import { plain } from '../src/text/prose.js'
import { startStandIn } from '../stand-in/stand-in.js'
import { posixOnly } from './support/platform.js'

const GITHUB = 'https://token.actions.githubusercontent.com'
const PROVIDER = 'acs:ram::1234567890123456:oidc-provider/github'
const shown = (issuer: string | undefined, providerArn: string | undefined): string =>
  plain(logText(fingerprintCommands(issuer, providerArn)))

describe('the commands that add a fingerprint', () => {
  const inShell = posixOnly('the command is for a POSIX shell')
  inShell("the printed command prints that of the root CA, which the server's own chain lacks", async () => {
    const standIn = await startStandIn({ tls: true })
    try {
      const [command = ''] =
        /^ {2}node -e .*$/m.exec(shown(`https://issuer.example:${standIn.issuer.port}`, PROVIDER)) ?? []
      const { stdout } = await promisify(execFile)(
        'sh',
        ['-c', command.replaceAll('issuer.example', 'localhost')],
        {
          env: { ...process.env, NODE_EXTRA_CA_CERTS: standIn.caFile },
        },
      )
      const root = new X509Certificate(readFileSync(standIn.caFile ?? ''))
      expect(stdout.trim().split(' ').at(-1)).toBe(root.fingerprint.replaceAll(':', '').toLowerCase())
    } finally {
      await standIn.close()
    }
  })

  test('name the OIDC provider', () => {
    expect(shown(GITHUB, PROVIDER)).toContain(
      '  aliyun ims AddFingerprintToOIDCProvider --OIDCProviderName github --Fingerprint <fingerprint>',
    )
    expect(shown(GITHUB, PROVIDER)).toContain('host: "token.actions.githubusercontent.com", port: 443')
  })

  test.each([
    ['https://a.example;rm -rf /', PROVIDER],
    ["https://a'b.example", PROVIDER],
    ['https://[::1]:8443', PROVIDER],
    ['no URL $(id)', undefined],
    [undefined, 'acs:ram::1:oidc-provider/$(id)'],
  ])(
    'contain nothing of an issuer or a provider that a shell could misread: %s, %s',
    (issuer, providerArn) => {
      const commands = shown(issuer, providerArn)
      expect(commands).toContain('<issuer host>')
      expect(commands).not.toMatch(/rm -rf|a'b|\[::1\]|\$\(id\)/)
    },
  )
})

describe('the link to the help page', () => {
  const link = (actionRepository: string, actionRef: string): string =>
    plain(logText([helpPage({ actionRepository, actionRef }, 'nopermission')]))

  test.each([
    ['v1', 'v1'],
    ['v1.2.3', 'v1.2.3'],
    ['releases/v1', 'releases/v1'],
    ['0123456789abcdef0123456789abcdef01234567', '0123456789abcdef0123456789abcdef01234567'],
  ])('leads to the version in use: %s', (ref, inUrl) => {
    expect(link('octo-org/creds.action_1', ref)).toBe(
      `More: https://github.com/octo-org/creds.action_1/blob/${inUrl}/docs/troubleshooting.md#nopermission`,
    )
  })

  test.each([
    ['', ''],
    ['a/b', ''],
    ['a', 'v1'],
    ['a/b/c', 'v1'],
    ['-a/b', 'v1'],
    ['a/b', 'v1 x'],
    ['a/b', 'v1#x'],
    ['a/b', 'v1%2e%2e'],
    ['a/b', '../x'],
    ['a/b', 'v1\n::error::'],
    ['a/b', '`'],
  ])('is only the name of the page if the action is %j at %j', (repository, ref) => {
    expect(link(repository, ref)).toBe('More: `docs/troubleshooting.md`')
  })

  test.each(STS_ANSWERS.flatMap((answer) => answer.codes.map((code) => [code, answer] as const)))(
    'the anchor of %s is its code in lower case, with hyphens',
    (code, answer) => {
      expect(anchorOf(code, answer)).toBe(code.replace(/\.\*$/, '').toLowerCase().replaceAll('.', '-'))
    },
  )

  test('for a code that the table does not have, leads to the section of its family', () => {
    const error = { call: 'AssumeRole', code: 'InvalidParameter.Unheard', reason: '' } as const
    const answer = stsAnswer(error, false)
    expect(answer === undefined ? undefined : anchorOf(error.code, answer)).toBe('invalidparameter')
  })
})
