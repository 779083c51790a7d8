/**
 * The input `mask-account-id`, as it is read before all others are checked: the error about a wrong
 * input shows what was given, with its account ID.
 */
import type { InputName } from './table.js'

const ACCOUNT_INPUTS = ['role-to-assume', 'oidc-provider-arn', 'allowed-account-ids'] as const

/**
 * Whether account IDs are to be masked. A value that is not a boolean will be an error; until then
 * it counts as true.
 *
 * @param input an input as the runner gives it
 */
export function wantsAccountMasked(input: (name: InputName) => string | undefined): boolean {
  return !/^(false)?$/i.test(input('mask-account-id') ?? '')
}

/** What may be account IDs in the inputs, whether or not the rest of their values is right. */
export function accountIdsIn(input: (name: InputName) => string | undefined): string[] {
  return ACCOUNT_INPUTS.flatMap((name) => [...(input(name) ?? '').matchAll(/\d{6,}/g)].map(([id]) => id))
}
