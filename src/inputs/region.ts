/** The input `region`. */
import { say } from '../text/prose.js'
import { accepted, refused, type Parser } from './parsers.js'

/** A label of a host name: the STS endpoint is made of it. */
const LABEL = /^(?=.{1,63}$)[a-z0-9]+(-[a-z0-9]+)*$/

/**
 * OSS puts this before a region's ID in its endpoints: oss-cn-hangzhou, oss-cn-hangzhou-internal.
 */
const OSS_NAME = /^oss-([a-z]+-[a-z0-9-]+?)(-internal)?(\.aliyuncs\.com)?$/

/**
 * A zone is its region and a letter: cn-hangzhou-b in mainland China, ap-southeast-1a elsewhere.
 */
const ZONE = /^([a-z]+(?:-[a-z0-9]+)*-\d+)[a-z]$|^([a-z]+(?:-[a-z0-9]+)+)-[a-z]$/

export const region: Parser<string> = (text) => {
  const [, ofOss] = OSS_NAME.exec(text) ?? []
  if (ofOss !== undefined) return meant(text, regionOf(ofOss), 'which is a name of OSS')
  if (regionOf(text) !== text) return meant(text, regionOf(text), 'which is a zone')
  return LABEL.test(text) && !text.startsWith('oss-')
    ? accepted(text)
    : refused({ got: text, accepted: ['a region ID such as cn-hangzhou'] })
}

/** The region of a zone; anything else as it is. */
function regionOf(text: string): string {
  const [, abroad, inChina] = ZONE.exec(text) ?? []
  return abroad ?? inChina ?? text
}

function meant(text: string, region: string, problem: string): ReturnType<Parser<never>> {
  return refused({
    got: text,
    because: [problem],
    accepted: say`a region ID, here probably ${region}`,
  })
}
