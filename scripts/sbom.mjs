// Prints the bill of materials of dist/, as SPDX: the packages that its notices name, as the lock
// file has them. npm's own --omit=dev does not fit: it leaves out packages of dist/ that some
// dependency also has among its devDependencies.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const notices = readFileSync('dist/licenses.txt', 'utf8')
const bundled = new Set(
  [...notices.matchAll(/^(\S+) (\d\S*) \(.+\)$/gm)].map(([, name, version]) => `${name}@${version}`),
)
const sbom = JSON.parse(
  execFileSync('npm', ['sbom', '--sbom-format=spdx', '--package-lock-only', '--no-update-notifier'], {
    encoding: 'utf8',
  }),
)

const [root] = sbom.documentDescribes
const contained = sbom.packages.filter(({ name, versionInfo }) => bundled.delete(`${name}@${versionInfo}`))
if (contained.length === 0 || bundled.size > 0)
  throw new Error(`The lock file and dist/licenses.txt do not fit: ${[...bundled].join(', ')}`)

const kept = new Set([sbom.SPDXID, root, ...contained.map(({ SPDXID }) => SPDXID)])
sbom.packages = sbom.packages.filter(({ SPDXID }) => kept.has(SPDXID))
sbom.relationships = [
  ...sbom.relationships.filter(
    (relationship) => kept.has(relationship.spdxElementId) && kept.has(relationship.relatedSpdxElement),
  ),
  ...contained.map(({ SPDXID }) => ({
    spdxElementId: root,
    relatedSpdxElement: SPDXID,
    relationshipType: 'CONTAINS',
  })),
]
console.log(JSON.stringify(sbom, null, 2))
