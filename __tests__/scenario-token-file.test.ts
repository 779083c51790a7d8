import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, renameSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { NODES, type StepInputs, type StepResult } from './support/job.js'
import { posixOnly } from './support/platform.js'
import { useFolder, useJobs, useWorld } from './support/set-up.js'
import { DEPLOY_ROLE, OIDC_ROLE, PROVIDER_ARN } from './support/world.js'

const SUBJECT = 'repo:octo-org/octo-repo:environment:production'

// The clock moves.
const world = useWorld({ renewed: true })
const startJob = useJobs(world)
const folder = useFolder()
let path: string

beforeEach(() => {
  path = join(folder(), 'token')
})

function write(content: string, mode = 0o600): void {
  writeFileSync(path, content)
  chmodSync(path, mode)
}

const stsCalls = (): unknown[] =>
  world.standIn.requests.map(({ service, action, code }) => [service, action, code])

describe.each(NODES)('on %s', (node) => {
  /** A job that GitHub gives no token to. */
  const run = async (inputs: StepInputs = {}, env: Record<string, string> = {}): Promise<StepResult> => {
    return startJob({ node, env, idToken: false }).main({
      ...world.byOidc,
      'oidc-token-file': path,
      ...inputs,
    })
  }

  test.each([
    ['without anything around it', (token: string) => token],
    ['with a newline', (token: string) => `${token}\n`],
    ['with white space around it', (token: string) => ` \n\t${token}\r\n\r\n`],
    ['after a byte order mark', (token: string) => `\ufeff${token}`],
  ])('a token %s is exchanged for a session, masked and never printed', async (_, written) => {
    const token = await world.standIn.issuer.mint({ sub: SUBJECT, aud: 'sts.aliyuncs.com' })
    write(written(token))
    const main = await run()
    expect([main.exitCode, main.errors, main.warnings]).toEqual([0, [], []])
    expect(stsCalls()).toEqual([['sts', 'AssumeRoleWithOIDC', undefined]])
    expect(world.standIn.requests[0]?.form.OIDCToken).toBe(token)
    expect(main.masks[0]).toBe(token)
    expect(main.log).toContain(`Source:    the OIDC token in ${path}`)
    expect(main.outputs.get('credential-source')).toBe('oidc')
  })

  test('the path may be relative to the workspace and contain blanks', async () => {
    write(await world.standIn.issuer.mint({ sub: SUBJECT, aud: 'sts.aliyuncs.com' }))
    renameSync(path, join(folder(), 'my token'))
    const main = await run({ 'oidc-token-file': `../../${basename(folder())}/my token` })
    expect([main.exitCode, main.errors]).toEqual([0, []])
  })

  const withModes = posixOnly('Windows has no mode bits')
  withModes('a file that every user of the machine can read gets exactly one warning', async () => {
    write(await world.standIn.issuer.mint({ sub: SUBJECT, aud: 'sts.aliyuncs.com' }), 0o644)
    world.standIn.sts.failNext({ kind: 'error', status: 500, code: 'InternalError' })
    const main = await run()
    expect(main.exitCode).toBe(0)
    expect(main.warnings).toEqual([
      `oidc-token-file: ${path} can be read by every user of this machine (mode 644); 0600 or 0400 is enough.`,
    ])
    expect(stsCalls()).toHaveLength(2)
  })

  withModes(
    'a file that the job cannot change, as Kubernetes mounts it with mode 0644, gets none',
    async () => {
      write(await world.standIn.issuer.mint({ sub: SUBJECT, aud: 'sts.aliyuncs.com' }), 0o444)
      // For root every file is its own to change, unless it is someone else's.
      if (process.getuid?.() === 0) chownSync(path, 65_534, 65_534)
      const main = await run()
      expect([main.exitCode, main.errors, main.warnings]).toEqual([0, [], []])
    },
  )

  test.each([
    ['is empty', () => write(' \n'), 'is empty'],
    ['holds something else', () => write('{"access_token":"nobody-may-see-this"}'), 'is not a JWT'],
    ['holds a token cut in two', () => write('nobody-may-see-this.nobody-may-see-this'), 'is not a JWT'],
    ['holds two lines', () => write('nobody.may.see\nthis.in.log'), 'is not a JWT'],
    ['holds more than STS takes', () => write(`nobody.may.see-this${'x'.repeat(20_000)}`), 'is not a JWT'],
    [
      'is written in UTF-16',
      () => {
        writeFileSync(path, Buffer.from('\ufeffnobody.may.see-this\r\n', 'utf16le'))
      },
      'Out-File -Encoding ascii',
    ],
    ['is missing', () => undefined, 'cannot be read (ENOENT)'],
    ['is a folder', () => (path = folder()), 'cannot be read (EISDIR)'],
    ['holds 40 MB', () => write('nobody.may.see-this'.repeat(2_200_000)), 'holds more than 64 KiB'],
    ['holds 64 KiB', () => write('x'.repeat(65_536)), 'is not a JWT'],
    ['holds a byte more', () => write('x'.repeat(65_537)), 'holds more than 64 KiB'],
  ])(
    'a file that %s is an error before any request, which shows nothing of it',
    async (_, prepare, message) => {
      prepare()
      const main = await run()
      expect(main.exitCode).toBe(1)
      expect(main.errors).toEqual([expect.stringContaining(path)])
      expect(main.errors[0]).toContain(message)
      // Nor does it become a mask: whatever it is, a mask of it could hide half the log.
      expect(main.masks).not.toContainEqual(expect.stringMatching(/nobody|^x+$/))
      expect(`${main.log}${main.stderr}${main.summary}`).not.toMatch(/nobody|see-this/)
      expect(world.standIn.requests).toEqual([])
      expect([main.env.size, main.outputs.size]).toEqual([0, 0])
    },
  )

  withModes('a pipe or a device is no token file, and holds nothing up', async () => {
    // Opening a pipe waits for its writer, and a device has no end.
    execFileSync('mkfifo', [path])
    for (const file of [path, '/dev/zero']) {
      const main = await run({ 'oidc-token-file': file })
      expect(main.errors).toEqual([expect.stringContaining(`${file} is not a regular file`)])
    }
    expect(world.standIn.requests).toEqual([])
  })

  test('a denial shows the claims of the token in the file, and the trust policy that would accept it', async () => {
    write(
      await world.standIn.issuer.mint({
        sub: 'repo:someone/else:ref:refs/heads/main',
        aud: 'sts.aliyuncs.com',
      }),
    )
    const main = await run()
    expect(main.errors).toEqual([expect.stringContaining('(AuthenticationFail.NoPermission).')])
    expect(main.log).toMatch(/"oidc:sub": "repo:someone\/else:ref:refs\/heads\/main"/)
    expect(main.summary).toContain('repo:someone/else:ref:refs/heads/main')
    expect(stsCalls()).toHaveLength(1)
  })

  test('if the token has expired, the file is read again: its owner may have put a new one there', async () => {
    const old = await world.standIn.issuer.mint({ sub: SUBJECT, aud: 'sts.aliyuncs.com' })
    world.standIn.advanceClock(600)
    const fresh = await world.standIn.issuer.mint({ sub: SUBJECT, aud: 'sts.aliyuncs.com' })
    write(old)
    // STS has the old one by now; the answer comes when the file holds the new one.
    const rotation = setInterval(() => {
      if (world.standIn.requests.length === 0) return
      clearInterval(rotation)
      write(fresh)
    }, 1)
    world.standIn.sts.failNext({ kind: 'delay', milliseconds: 200 }, { action: 'AssumeRoleWithOIDC' })
    try {
      const main = await run()
      expect([main.exitCode, main.errors]).toEqual([0, []])
      expect(world.standIn.requests.map(({ form, code }) => [form.OIDCToken, code])).toEqual([
        [old, 'AuthenticationFail.OIDCToken.Expired'],
        [fresh, undefined],
      ])
      expect(main.masks).toEqual(expect.arrayContaining([old, fresh]))
    } finally {
      clearInterval(rotation)
    }
  })

  test('if the file still holds the expired token, STS is asked twice and no more', async () => {
    write(await world.standIn.issuer.mint({ sub: SUBJECT, aud: 'sts.aliyuncs.com' }))
    world.standIn.advanceClock(600)
    const main = await run()
    expect(main.errors).toEqual([expect.stringContaining('AuthenticationFail.OIDCToken.Expired')])
    expect(main.errors[0]).toContain(path)
    expect(stsCalls()).toHaveLength(2)
  })

  test("only the input chooses the file: GitHub's issuer is not asked, and ACK's variables are ignored", async () => {
    write(await world.standIn.issuer.mint({ sub: SUBJECT, aud: 'sts.aliyuncs.com' }))
    const rrsa = {
      ALIBABA_CLOUD_ROLE_ARN: DEPLOY_ROLE,
      ALIBABA_CLOUD_OIDC_PROVIDER_ARN: PROVIDER_ARN,
      ALIBABA_CLOUD_OIDC_TOKEN_FILE: path,
    }
    const { requestUrl, requestToken } = world.standIn.issuer
    const issuer = { ACTIONS_ID_TOKEN_REQUEST_URL: requestUrl, ACTIONS_ID_TOKEN_REQUEST_TOKEN: requestToken }
    expect((await run({}, { ...rrsa, ...issuer })).exitCode).toBe(0)
    expect(world.standIn.assumptions.map(({ roleArn }) => roleArn)).toEqual([OIDC_ROLE])
    expect(stsCalls()).toEqual([['sts', 'AssumeRoleWithOIDC', undefined]])
    world.standIn.forget()
    const without = await run({ 'oidc-token-file': '' }, rrsa)
    expect(without.errors).toEqual([expect.stringContaining('id-token: write')])
    const nothing = await run({ 'oidc-token-file': '', 'oidc-provider-arn': '', 'role-to-assume': '' }, rrsa)
    expect(nothing.errors).toEqual([expect.stringMatching(/^credential-source: no source is given/)])
    expect(world.standIn.requests).toEqual([])
  })
})
