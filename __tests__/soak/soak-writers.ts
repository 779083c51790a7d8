/**
 * `npm run soak:writers -- [writes]`: a program of its own rewrites config.json every 10 to 30 ms
 * while main and post write it too. Prints how many of its writes were lost, and fails above one in
 * 1,000: between the last look at the file and the rename that replaces it there are microseconds,
 * which no system call available to Node closes. 2,000 writes take about a minute.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { makeProfileHome } from '../support/profile-home.js'

const [writes = '2000'] = process.argv.slice(2)

/** Adds profiles one by one; says in the end how many of its writes were lost. */
const WRITER = `
  const fs = require('node:fs')
  const path = process.argv[1]
  const isOwn = ({ name }) => name.startsWith('own')
  let [written, present, lost] = [0, 0, 0]
  const step = () => {
    let config
    try { config = JSON.parse(fs.readFileSync(path, 'utf8')) } catch { return setTimeout(step, 1) }
    const found = config.profiles.filter(isOwn).length
    lost += present - found
    if (written === Number(process.argv[2])) return console.log(lost)
    // So that the file stays small, however long this takes.
    if (found > 50) config.profiles = config.profiles.filter((profile) => !isOwn(profile))
    config.profiles.push({ name: 'own' + written++, mode: 'AK' })
    present = config.profiles.filter(isOwn).length
    fs.writeFileSync(path + '.own', JSON.stringify(config))
    fs.renameSync(path + '.own', path)
    setTimeout(step, 10 + Math.random() * 20)
  }
  step()`

const place = makeProfileHome()
try {
  place.put(JSON.stringify({ current: 'me', profiles: [{ name: 'me', mode: 'AK' }] }))
  const writer = spawn(process.execPath, ['-e', WRITER, place.path, writes], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  writer.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  const ended = once(writer, 'close')
  let turns = 0
  for (; writer.exitCode === null; turns += 1) {
    await place.main(`run${turns}`, 'ci')
    await place.post(`run${turns}`)
  }
  await ended
  console.log(
    `${turns} times main and post: ${said.trim()} of ${writes} writes of another program were lost.`,
  )
  if (said === '' || Number(said) * 1000 > Number(writes)) process.exitCode = 1
} finally {
  place.remove()
}
