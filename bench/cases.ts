/**
 * What is measured: the same work by several actions, and how the cost of this one grows with its
 * input.
 */
import type { Action } from '../stand-in/runner/action-manifest.js'
import { CHAIN_LENGTH, REGION, type Cloud } from './cloud.js'
import type { Contestant } from './measure.js'

export interface Comparison {
  readonly id: string
  readonly title: string
  readonly rttMs: number
  readonly contestants: readonly Contestant[]
}

/** @param rttMs the round-trip time of the distant case */
export function comparisons(
  { byOidc, byKey }: Cloud,
  actions: readonly Action[],
  rttMs: number,
): readonly Comparison[] {
  const entered = (inputs: Contestant['inputs']): Contestant[] =>
    actions
      .filter((action) => Object.keys(inputs).every((name) => action.inputs.has(name)))
      .map((action) => ({ name: action.name, action, inputs }))
  return [
    { id: 'oidc', title: 'main, OIDC, no added latency', rttMs: 0, contestants: entered(byOidc) },
    {
      id: 'oidc-distant',
      title: `main, OIDC, round trips of ${rttMs} ms`,
      rttMs,
      contestants: entered(byOidc),
    },
    {
      id: 'access-key',
      title: 'main, access key, no added latency',
      rttMs: 0,
      contestants: entered(byKey(1)),
    },
  ]
}

/** One kind of input in several amounts. */
export interface Growth {
  readonly title: string
  readonly unit: string
  readonly steps: readonly { readonly amount: number; readonly contestant: Contestant }[]
}

const KIBIBYTE = 1024

export async function growths(cloud: Cloud, action: Action): Promise<readonly Growth[]> {
  const { byKey, byOidc } = cloud
  const grow = (
    amounts: readonly number[],
    contestant: (amount: number) => Omit<Contestant, 'name' | 'action'>,
  ): Growth['steps'] =>
    amounts.map((amount) => ({ amount, contestant: { name: String(amount), action, ...contestant(amount) } }))
  const padding = new Map<number, Contestant['claims']>()
  for (const size of [1, 16]) padding.set(size, await claimsOfSize(cloud, size * KIBIBYTE))
  return [
    {
      title: 'Roles in a chain',
      unit: 'role',
      steps: grow([1, 5, CHAIN_LENGTH], (roles) => ({ inputs: byKey(roles) })),
    },
    {
      title: 'refresh: 0 without, 1 with',
      unit: 'keeper',
      steps: grow([0, 1], (keepers) => ({
        inputs: { ...byOidc, region: REGION, profile: 'ci', refresh: keepers === 0 ? 'false' : 'true' },
      })),
    },
    {
      title: 'Profiles in config.json',
      unit: 'profile',
      steps: grow([10, 1_000, 10_000], (profiles) => ({
        inputs: { ...byKey(1), region: REGION, profile: 'ci' },
        configJson: configOf(profiles),
      })),
    },
    {
      title: 'OIDC token, KiB',
      unit: 'KiB',
      steps: grow([...padding.keys()], (size) => ({ inputs: byOidc, claims: padding.get(size) ?? {} })),
    },
  ]
}

/** A config.json as the aliyun CLI writes it. */
function configOf(profiles: number): string {
  const entries = Array.from({ length: profiles }, (_, index) => ({
    name: `profile-${index}`,
    mode: 'AK',
    access_key_id: 'LTAI-somebodys-key',
    access_key_secret: 'somebodys-secret',
    region_id: REGION,
    output_format: 'json',
    language: 'en',
    site: 'china',
  }))
  return JSON.stringify({ current: 'profile-0', profiles: entries, meta_path: '' }, null, '\t')
}

/**
 * Claims that make the issuer's token this long, to a few bytes: the few that matter, and padding.
 */
async function claimsOfSize({ standIn }: Cloud, bytes: number): Promise<Record<string, unknown>> {
  const needed = ['aud', 'exp', 'iat', 'iss', 'jti', 'nbf', 'sub']
  const usual = Object.keys(decoded(await standIn.issuer.mint()))
  const claims = Object.fromEntries(
    usual.filter((name) => !needed.includes(name)).map((name) => [name, undefined]),
  )
  const least = (await standIn.issuer.mint({ ...claims, aud: 'sts.aliyuncs.com', padding: '' })).length
  if (least > bytes) throw new Error(`a token has at least ${least} bytes`)
  // Base64 makes four bytes of three.
  return { ...claims, padding: 'x'.repeat(((bytes - least) * 3) / 4) }
}

function decoded(token: string): Readonly<Record<string, unknown>> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as Record<
    string,
    unknown
  >
}
