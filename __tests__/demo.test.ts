import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { configureList } from '../demo/configure-list.js'

const ROOT = resolve(import.meta.dirname, '..')

/** Runs the demo in an environment of its own: what this machine has set must not matter. */
async function demo(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ exitCode: number | null; output: string }> {
  return new Promise((done, fail) => {
    const command = [resolve(ROOT, 'node_modules/tsx/dist/cli.mjs'), 'demo/demo.ts', ...args]
    const child = spawn(process.execPath, command, {
      cwd: ROOT,
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (part: string) => (output += part))
    child.once('error', fail)
    child.once('close', (exitCode) => {
      done({ exitCode, output })
    })
  })
}

/**
 * Whatever is long and random: secrets, tokens, their base64. Names, ARNs and request IDs have a
 * stop before the 25th character.
 */
const SECRET = /STS\.[A-Za-z0-9]{10,}|LTAI5t[A-Za-z0-9]{10,}|eyJ[\w-]+\.|[A-Za-z0-9+]{25,}/

describe('npm run demo', () => {
  test('tells the whole story, and shows no secret', async () => {
    const { exitCode, output } = await demo([], {})
    expect(output).toMatch(/\nAll of it happened as told, and no secret was shown\.\n$/)
    expect(exitCode).toBe(0)
    expect(SECRET.exec(output)).toBeNull()
    expect(output.match(/^ {4}Error: .*/gm)).toEqual([
      expect.stringContaining('does not accept this OIDC token'),
    ])
    expect(output.match(/^ {4}I am acs:ram::/gm)).toHaveLength(3)
    expect(output.match(/^ {4}The environment holds no key\.$/gm)).toHaveLength(3)
    expect(output).toMatch(/^ {4}I made \d\d calls with [3-9]\d? sessions, and none failed\.$/m)
  }, 60_000)

  test('--real says in one sentence what is missing', async () => {
    const { exitCode, output } = await demo(['--real'], {
      DEMO_ACCESS_KEY_ID: 'LTAI5tabcdefghijklmnop',
      DEMO_ROLE_ARN: ' ',
    })
    expect(output.trim()).toBe(
      '--real needs DEMO_ACCESS_KEY_ID, DEMO_ACCESS_KEY_SECRET, DEMO_ROLE_ARN in the environment (DEMO_REGION too, if not cn-hangzhou); missing: DEMO_ACCESS_KEY_SECRET, DEMO_ROLE_ARN.',
    )
    expect(exitCode).toBe(1)
  })

  test('--real asks the STS of the region through the proxy, and ends when the step fails, without a secret', async () => {
    const asked: (string | undefined)[] = []
    const proxy = createServer()
    proxy.on('connect', ({ url }, socket) => {
      asked.push(url)
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
    })
    await new Promise<void>((listening) => proxy.listen(0, '127.0.0.1', listening))
    const key = {
      DEMO_ACCESS_KEY_ID: 'LTAI5tabcdefghijklmnop',
      DEMO_ACCESS_KEY_SECRET: 'a-secret-that-is-nobodys',
    }
    const { port } = proxy.address() as AddressInfo
    try {
      const { exitCode, output } = await demo(['--real'], {
        ...key,
        DEMO_ROLE_ARN: 'acs:ram::1234567890123456:role/deploy',
        DEMO_REGION: 'eu-central-1',
        HTTPS_PROXY: `http://127.0.0.1:${port}`,
      })
      expect(output).toContain('Error: ')
      expect(output).toMatch(/\nThe step failed; its log says why\.\n$/)
      expect(exitCode).toBe(1)
      expect(asked).toEqual(['sts.eu-central-1.aliyuncs.com:443'])
      for (const secret of Object.values(key)) expect(output).not.toContain(secret)
    } finally {
      proxy.close()
    }
  }, 20_000)
})

test('configure list: columns grow with their widest cell, and a star marks the current profile', () => {
  const profile = (name: string, mode: string) => ({
    name,
    mode,
    access_key_id: 'STS.abcdef',
    region_id: 'cn-hangzhou',
    language: 'en',
  })
  expect(
    configureList(
      JSON.stringify({
        current: 'b',
        profiles: [profile('a-long-profile-name', 'AK'), profile('b', 'StsToken')],
      }),
    ),
  ).toBe(
    [
      'Profile             | Credential         | Valid   | Region           | Language',
      '---------           | ------------------ | ------- | ---------------- | --------',
      'a-long-profile-name | AK:***def          | Valid   | cn-hangzhou      | en',
      'b *                 | StsToken:***def    | Valid   | cn-hangzhou      | en',
    ].join('\n'),
  )
})
