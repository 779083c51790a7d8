// A program as a workflow may run it after the step. It knows this action as little as the action
// knows it: it takes the key from the variables that every Alibaba Cloud SDK reads, and asks STS
// whose it is. `node who-am-i.mjs [URL of STS]`
import openApi from '@alicloud/openapi-core'
import sts from '@alicloud/sts20150401'

const {
  ALIBABA_CLOUD_ACCESS_KEY_ID,
  ALIBABA_CLOUD_ACCESS_KEY_SECRET,
  ALIBABA_CLOUD_SECURITY_TOKEN,
  ALIBABA_CLOUD_REGION_ID,
} = process.env
const url = process.argv[2] === undefined ? undefined : new URL(process.argv[2])

if (!ALIBABA_CLOUD_ACCESS_KEY_ID || !ALIBABA_CLOUD_ACCESS_KEY_SECRET) {
  console.log('The environment holds no key.')
  process.exitCode = 1
} else {
  const config = new openApi.$OpenApiUtil.Config({
    accessKeyId: ALIBABA_CLOUD_ACCESS_KEY_ID,
    accessKeySecret: ALIBABA_CLOUD_ACCESS_KEY_SECRET,
    securityToken: ALIBABA_CLOUD_SECURITY_TOKEN,
    regionId: ALIBABA_CLOUD_REGION_ID,
    ...(url === undefined ? {} : { endpoint: url.host, protocol: url.protocol.replace(':', '') }),
  })
  try {
    const { body } = await new sts.default(config).getCallerIdentity()
    console.log(`I am ${body.arn}, of the account ${body.accountId}.`)
  } catch (error) {
    // The SDK's messages may quote URLs: the code says enough.
    console.log(`STS did not say who I am (${error.code ?? error.name}).`)
    process.exitCode = 1
  }
}
