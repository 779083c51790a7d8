/**
 * The table of `aliyun configure list`, for machines without the aliyun CLI. Its layout, and what
 * it hides of a key, are the CLI's (3.4).
 */

interface Profile {
  readonly name: string
  readonly mode: string
  readonly access_key_id: string
  readonly region_id: string
  readonly language: string
}

/** @param text config.json, with profiles of the modes AK and StsToken only */
export function configureList(text: string): string {
  const config = JSON.parse(text) as { current: string; profiles: Profile[] }
  const rows = [
    ['Profile', '| Credential ', '| Valid', '| Region', '| Language'],
    ['---------', '| ------------------', '| -------', '| ----------------', '| --------'],
    ...config.profiles.map((profile) => [
      profile.name === config.current ? `${profile.name} *` : profile.name,
      `| ${profile.mode}:***${profile.access_key_id.slice(-3)}`,
      '| Valid',
      `| ${profile.region_id}`,
      `| ${profile.language}`,
    ]),
  ]
  // As Go's tabwriter pads: every column but the last to its widest cell and one space, 8 at least.
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(8, ...rows.map((row) => (row[column] ?? '').length + 1)),
  )
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('')).join('\n')
}
