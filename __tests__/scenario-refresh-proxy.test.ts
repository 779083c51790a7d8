import { afterEach, describe, expect, test } from '@jest/globals'
import { startConnectProxy, type ConnectProxy } from './support/connect-proxy.js'
import { NODES } from './support/job.js'
import { eventually, nothingLeft, REFRESH, renewed, served, sessionOf, uriOf } from './support/keepers.js'
import { useJobs, useWorld } from './support/set-up.js'
import { DEPLOY_ROLE } from './support/world.js'

const STS_HOST = 'sts.cn-hangzhou.aliyuncs.com'
const ACCOUNT = { user: 'ci', password: 'proxy-password' }

const world = useWorld({ tls: true, hostNames: [STS_HOST] })
let proxy: ConnectProxy

afterEach(async () => {
  world.standIn.setSessionLifetime(DEPLOY_ROLE, undefined)
  await proxy.close()
})

describe.each(NODES)('on %s', (node) => {
  const newJob = useJobs(world, { node })

  test('renews over TLS, through a proxy with a password; without the proxy it says so', async () => {
    world.standIn.setSessionLifetime(DEPLOY_ROLE, 6)
    proxy = await startConnectProxy({ [STS_HOST]: world.standIn.sts.port }, ACCOUNT)
    const job = newJob({
      env: { HTTPS_PROXY: `http://${ACCOUNT.user}:${ACCOUNT.password}@${proxy.host}`, NO_PROXY: 'proxy' },
    })
    const main = await job.main({ ...world.byKey, ...REFRESH, 'sts-endpoint': '' })
    expect([main.errors, main.warnings, main.stderr]).toEqual([[], [], ''])
    await renewed(job, await sessionOf(job))
    expect(new Set(proxy.asked)).toEqual(new Set([`${STS_HOST}:443`]))

    await proxy.close()
    let message = ''
    await eventually('the session is over', async () => {
      const answer = await served(uriOf(job))
      message = answer?.body.Message ?? ''
      return answer?.status === 503 && answer.body.Code !== 'RenewalPending'
    })
    // The name of the proxy, which NO_PROXY's value must not black out, and never its password.
    expect(message).toContain(`via proxy ${proxy.host}`)
    expect(message).not.toContain(ACCOUNT.password)
    const [post] = await job.posts()
    expect([post?.exitCode, post?.warnings]).toEqual([
      0,
      [expect.stringContaining('the last renewals failed')],
    ])
    await nothingLeft(job)
  })
})
