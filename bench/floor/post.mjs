// Node's own start and end, and one write.
import { appendFileSync } from 'node:fs'

const names = [
  'ALIBABA_CLOUD_ACCESS_KEY_ID',
  'ALIBABA_CLOUD_ACCESS_KEY_SECRET',
  'ALIBABA_CLOUD_SECURITY_TOKEN',
]
appendFileSync(
  process.env.GITHUB_ENV,
  names.map((name) => `${name}<<ghadelimiter_floor\n\nghadelimiter_floor\n`).join(''),
)
