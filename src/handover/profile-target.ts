/** A run's profile in config.json, as post finds it again. */
export interface InstalledProfile {
  /** config.json's path when main wrote it; HOME may be another one by now. */
  readonly path: string
  /** The file at `path` behind all links; undefined if the step's state does not say. */
  readonly target?: string | undefined
  readonly name: string
  /** A UUID that tells this run's entry from the other runs'. */
  readonly id: string
}

/** Where main writes its profile, found before the credentials are requested. */
export interface ProfileTarget extends InstalledProfile {
  readonly target: string
  /** Whether `current` should name the profile (input set-current-profile). */
  readonly setCurrent: boolean
}
