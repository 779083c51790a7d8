/** Post's side of the keeper: it ends it, says what it did, and removes its folder. */
import { rmSync } from 'node:fs'
import { request } from 'node:http'
import { basename } from 'node:path'
import { nodeCodeOf } from '../net/node-codes.js'
import { say, type Prose } from '../text/prose.js'
import { parseKeeperReport, type KeeperReport } from './keeper-report.js'

/** What main recorded of the keeper. */
export interface RecordedKeeper {
  readonly folder: string
  /** Undefined if main ended before the keeper had answered it. */
  readonly stopUrl: string | undefined
}

/** What post says about the keeper in the log. */
export interface StoppedKeeper {
  readonly notes: readonly Prose[]
  readonly warnings: readonly Prose[]
}

/** The only address that is asked, whatever the state says. */
const STOP_URL = /^http:\/\/127\.0\.0\.1:\d{1,5}\/[0-9a-f]{64}$/

const ANSWER_WITHIN_MS = 6_000
const MAX_ANSWER_BYTES = 64 * 1024

/**
 * Ends the keeper and removes its folder, without which it ends in any case. Never throws.
 */
export async function stopKeeper({ folder, stopUrl }: RecordedKeeper): Promise<StoppedKeeper> {
  try {
    // Main was killed before it could record the keeper's address.
    if (stopUrl === undefined) return { notes: [], warnings: [] }
    if (!STOP_URL.test(stopUrl)) throw new Error('not the address of a keeper')
    return summaryOf(await post(stopUrl))
  } catch (failure) {
    const reason = nodeCodeOf(failure) ?? 'no usable answer'
    return {
      notes: [],
      warnings: [
        say`refresh: the keeper had ended before the job did, or did not answer (${reason}). Steps that ran after it ended had no fresh credentials.`,
      ],
    }
  } finally {
    removeKeeperFolder(folder)
  }
}

function summaryOf({ renewals, failure, troubles }: KeeperReport): StoppedKeeper {
  const times = renewals === 1 ? '1 time' : `${renewals} times`
  const warnings: Prose[] = troubles.map((trouble) => say`refresh: ${trouble}`)
  if (failure !== undefined) {
    const id = failure.requestId === undefined ? [] : say` (RequestId ${failure.requestId})`
    warnings.unshift(
      say`refresh: the last renewals failed: ${failure.code}: ${failure.message}${id}. Steps at the end of this job may have had no valid credentials.`,
    )
  }
  return { notes: [say`Stopped the keeper. It renewed the credentials ${times}.`], warnings }
}

/** Only a folder of the name that main gives one, whatever the state says. */
function removeKeeperFolder(folder: string): void {
  if (!/^alibaba-cloud-keeper-[0-9a-f]{16}$/.test(basename(folder))) return
  // The keeper removes it as well. On Windows a file that two remove is there until both are done.
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}

async function post(url: string): Promise<KeeperReport> {
  return new Promise((done, fail) => {
    const sent = request(url, { method: 'POST', agent: false, timeout: ANSWER_WITHIN_MS })
    const timer = setTimeout(() => sent.destroy(new Error('no answer in time')), ANSWER_WITHIN_MS)
    sent.once('error', fail)
    sent.once('close', () => {
      clearTimeout(timer)
      fail(new Error('no answer'))
    })
    sent.once('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        text += part
        if (text.length > MAX_ANSWER_BYTES) sent.destroy(new Error('too long an answer'))
      })
      response.once('error', fail)
      response.once('end', () => {
        const report = response.statusCode === 200 ? parseKeeperReport(text) : undefined
        if (report === undefined) fail(new Error('no report'))
        else done(report)
      })
    })
    sent.end()
  })
}
