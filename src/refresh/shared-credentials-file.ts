/**
 * The keeper's own file for programs that read a credentials file when they start (Terraform,
 * OpenTofu, Pulumi, Packer): one profile of mode StsToken, in the aliyun CLI's format.
 */
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TemporaryKey } from '../identity/credentials.js'
import { newConfig } from '../profile/config-edit.js'

/** What the file holds. */
export interface SharedCredentials {
  readonly profileName: string
  readonly regionId: string
  readonly key: TemporaryKey
}

/** The path of the file in the keeper's folder. */
export function sharedCredentialsFileIn(folder: string): string {
  return join(folder, 'credentials.json')
}

/**
 * Replaces the file as a whole, so that a reader sees the old session or the new one.
 *
 * @param folder private to this user
 * @throws a system error, with the file as it was
 */
export function writeSharedCredentialsFile(folder: string, credentials: SharedCredentials): void {
  const { profileName, regionId, key } = credentials
  const temporary = join(folder, 'credentials.json.new')
  try {
    // What a write that was killed has left, and nothing that leads elsewhere: wx refuses what is
    // there.
    rmSync(temporary, { force: true })
    writeFileSync(temporary, newConfig({ name: profileName, credentials: key, regionId }).text, {
      flag: 'wx',
      mode: 0o600,
      encoding: 'latin1',
    })
    renameSync(temporary, sharedCredentialsFileIn(folder))
  } catch (failure) {
    rmSync(temporary, { force: true })
    throw failure
  }
}
