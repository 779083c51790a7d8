/** The variables that GitHub's runner gives to every step of a job. */
import { win32 } from 'node:path'

export interface RunnerFolders {
  readonly home: string
  readonly workspace: string
  readonly temp: string
}

type Variables = Readonly<Record<string, string | undefined>>

/**
 * What programs on Windows need of the machine's own environment: without SystemRoot, Node opens no
 * socket.
 */
const WINDOWS_VARIABLES = [
  'SystemRoot',
  'SystemDrive',
  'windir',
  'ComSpec',
  'PATHEXT',
  'TEMP',
  'TMP',
  'ProgramData',
  'APPDATA',
  'LOCALAPPDATA',
  'NUMBER_OF_PROCESSORS',
]

const OPERATING_SYSTEMS: Readonly<Partial<Record<NodeJS.Platform, string>>> = {
  win32: 'Windows',
  darwin: 'macOS',
}

/**
 * @param machine the machine's own environment, of which the home and the path of programs are not
 * private to a job
 */
export function runnerEnvironment(
  folders: RunnerFolders,
  platform: NodeJS.Platform = process.platform,
  machine: Variables = process.env,
): Readonly<Record<string, string>> {
  return {
    PATH: machine.PATH ?? '',
    ...homeVariables(folders.home, platform),
    ...(platform === 'win32' ? given(machine, WINDOWS_VARIABLES) : {}),
    CI: 'true',
    RUNNER_TEMP: folders.temp,
    RUNNER_OS: OPERATING_SYSTEMS[platform] ?? 'Linux',
    RUNNER_ARCH: process.arch.toUpperCase(),
    GITHUB_ACTIONS: 'true',
    GITHUB_WORKSPACE: folders.workspace,
    GITHUB_REPOSITORY: 'octo-org/octo-repo',
    GITHUB_REPOSITORY_OWNER: 'octo-org',
    GITHUB_RUN_ID: '1234567890',
    GITHUB_RUN_ATTEMPT: '1',
    GITHUB_EVENT_NAME: 'push',
    GITHUB_REF: 'refs/heads/main',
    GITHUB_ACTOR: 'octocat',
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_API_URL: 'https://api.github.com',
  }
}

/**
 * Hosted Windows sets no HOME for the steps of JavaScript actions. Elsewhere they get the
 * machine's.
 */
export function homeVariables(home: string, platform: NodeJS.Platform): Readonly<Record<string, string>> {
  if (platform !== 'win32') return { HOME: home }
  const drive = win32.parse(home).root.replace(/[\\/]+$/, '')
  return { USERPROFILE: home, HOMEDRIVE: drive, HOMEPATH: home.slice(drive.length) }
}

function given(machine: Variables, names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    names.flatMap((name) => (machine[name] === undefined ? [] : [[name, machine[name]]])),
  )
}
