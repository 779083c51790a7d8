/** The input `sts-endpoint`. */
import { isLoopback } from '../net/loopback.js'
import { accepted, refused, type Parser } from './parsers.js'

const HOST = /^([a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\])$/
// Names in Punycode: Nodes disagree on which of them are valid, and no host of STS has one.
const PUNYCODE = /(^|\.)xn--/

/** The URL of the STS host to call. */
export const stsEndpoint: Parser<URL> = (text) => {
  const [, scheme = 'https', host = '', port = ''] =
    /^(?:(https?):\/\/)?(\[[^\]]*\]|[^:/]*)(:\d+)?\/?$/i.exec(text) ?? []
  const name = host.toLowerCase()
  const written = `${scheme}://${name}${port}`
  const url = HOST.test(name) && !PUNYCODE.test(name) && URL.canParse(written) ? new URL(written) : undefined
  // URL makes 127.0.0.1 of 127.1 and 0x7f000001: what is called must be what is read.
  if (url?.hostname === name && (url.protocol === 'https:' || isLoopback(name))) return accepted(url)
  return refused({
    // A user and a password may stand before an @.
    got: text.replace(/^.*@/s, '***@'),
    accepted: [
      'a host such as sts.cn-hangzhou.aliyuncs.com, or its https URL without path, query and user; http only for a loopback address',
    ],
  })
}
