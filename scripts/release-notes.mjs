// Prints the changelog's notes of one version, for the release's page. In the project's folder:
// node scripts/release-notes.mjs 1.2.3
// Fails unless package.json has that version too and the changelog says since when it is out.
import { readFileSync } from 'node:fs'

const [version] = process.argv.slice(2)
const packageVersion = JSON.parse(readFileSync('package.json', 'utf8')).version
const sections = readFileSync('CHANGELOG.md', 'utf8').split(/^## /m).slice(1)
const section = sections.find((text) => text.startsWith(`[${version}]`))
const [heading = '', ...lines] = section?.split('\n') ?? []
const notes = lines
  .filter((line) => !/^\[[^\]]+\]: /.test(line))
  .join('\n')
  .trim()

const faults = [
  version !== packageVersion && `package.json has the version ${packageVersion}, not ${version}.`,
  section === undefined && `CHANGELOG.md has no section "## [${version}]".`,
  section !== undefined &&
    !/ - \d{4}-\d{2}-\d{2}$/.test(heading) &&
    `CHANGELOG.md gives ${version} no date: "## ${heading}".`,
  section !== undefined && notes === '' && `CHANGELOG.md says nothing about ${version}.`,
].filter((fault) => fault !== false)
if (faults.length > 0) {
  console.error(faults.join('\n'))
  process.exitCode = 1
} else {
  console.log(notes)
}
