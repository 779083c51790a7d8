/** STS's global host. It is in mainland China. */
export const GLOBAL_ENDPOINT = 'sts.aliyuncs.com'

/**
 * Regions without an STS host of their own (the endpoint map of @alicloud/sts20150401). Written
 * down here, and held equal to the SDK's by a test, so that the host is known before the SDK is
 * loaded.
 */
const GLOBAL_REGIONS: ReadonlySet<string> = new Set([
  'ap-northeast-2-pop',
  'ap-south-1',
  'ap-southeast-2',
  'cn-beijing-finance-pop',
  'cn-beijing-gov-1',
  'cn-beijing-nu16-b01',
  'cn-edge-1',
  'cn-fujian',
  'cn-haidian-cm12-c01',
  'cn-hangzhou-bj-b01',
  'cn-hangzhou-internal-prod-1',
  'cn-hangzhou-internal-test-1',
  'cn-hangzhou-internal-test-2',
  'cn-hangzhou-internal-test-3',
  'cn-hangzhou-test-306',
  'cn-hongkong-finance-pop',
  'cn-huhehaote-nebula-1',
  'cn-shanghai-et15-b01',
  'cn-shanghai-et2-b01',
  'cn-shanghai-inner',
  'cn-shanghai-internal-test-1',
  'cn-shenzhen-inner',
  'cn-shenzhen-st4-d01',
  'cn-shenzhen-su18-b01',
  'cn-wuhan',
  'cn-yushanfang',
  'cn-zhangbei',
  'cn-zhangbei-na61-b01',
  'cn-zhangjiakou-na62-a01',
  'cn-zhengzhou-nebula-1',
  'eu-west-1-oxs',
  'rus-west-1-pop',
])

/** The https URL of STS for a region, or of the global host if no region is given. */
export function endpointOf(region: string | undefined): URL {
  const host =
    region === undefined || GLOBAL_REGIONS.has(region) ? GLOBAL_ENDPOINT : `sts.${region}.aliyuncs.com`
  return new URL(`https://${host}`)
}
