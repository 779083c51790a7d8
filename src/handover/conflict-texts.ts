/** What warnings about other identities say with `refresh` and without it. No value of a secret. */
import { say, type Prose } from '../text/prose.js'

/** The fixes, to be completed by a full stop or by another fix. */
export const REMOVE_VARIABLE: Prose = ['Remove the variable from this job']
export const REMOVE_VARIABLES: Prose = ['Remove them from this job']

/** @param prefer the programs with their verb: "the aliyun CLI prefers" */
export function namesAnotherProfile(variable: string, profile: string | undefined, prefer: string): Prose {
  return say`${[variable]} names the profile ${JSON.stringify(profile ?? '')}, and ${[prefer]} that to this step's identity. ${REMOVE_VARIABLE}, or give this step's profile that name (input profile).`
}

/** For a variable that makes Terraform assume a role with whatever identity it has. */
export function assumesAnotherRole(variable: string): Prose {
  return say`${[variable]} names a role: Terraform assumes it once more, on top of this step's identity. ${REMOVE_VARIABLE}.`
}
