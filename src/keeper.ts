/** The entry of the keeper, the background process of a step with `refresh: true`. */
import { text } from 'node:stream/consumers'
import { keep } from './refresh/keep.js'
import { parseOrder } from './refresh/order.js'

// As in main: the SDK's packages would set off a deprecation warning on Node 24.
process.noDeprecation = true

// Node would open its debugger on a port that every user of this machine can reach.
process.on('SIGUSR1', () => undefined)

async function begin(): Promise<void> {
  if (await isDebugged()) process.exit(1)
  const order = parseOrder(await text(process.stdin))
  // Main ended before it had an order to give.
  if (order === undefined) return
  Object.assign(process.env, order.proxyVariables)
  // Main closes its end as soon as it has read the port.
  process.stdout.on('error', () => undefined)
  await keep(order, (port) => {
    process.stdout.write(`${port}\n`)
  })
  // While the action's files are there: a job may remove them (`uses: ./`) before the first
  // renewal.
  await import('./sts/sdk.js')
}

/** By an option, or by a signal that came before this file was read. */
async function isDebugged(): Promise<boolean> {
  return process.features.inspector && (await import('node:inspector')).url() !== undefined
}

void begin()
