/** Why a host gave no usable answer, and what to do about it. */
import type { Inputs } from '../inputs/inputs.js'
import type { TransportError, TransportFault } from '../net/transport-error.js'
import { GLOBAL_ENDPOINT } from '../sts/endpoint.js'
import { list, paragraph, yaml, type Block } from '../text/document.js'
import { say, type Prose } from '../text/prose.js'
import type { Diagnosis } from './diagnosis.js'
import type { NodeSettings } from './node-settings.js'

/** The sections of docs/troubleshooting.md. */
const ANCHORS = {
  proxyOrTls: 'proxies-and-tls',
  network: 'time-outs-and-broken-connections',
  throttling: 'throttling-and-retries',
} as const

/** What differs between the codes; explainTransport adds what is the same for all. */
interface Fault {
  readonly fault: Prose
  readonly means: Prose
  readonly todo: readonly Prose[]
  readonly example?: readonly Block[]
  readonly anchor: (typeof ANCHORS)[keyof typeof ANCHORS]
}

/** Names the host, the proxy if there is one, and the input or variable that decides. */
export function explainTransport(error: TransportError, inputs: Inputs, node: NodeSettings): Diagnosis {
  const { host, proxy } = error
  const theProxy: Prose = proxy === undefined ? ['the proxy'] : say`the proxy ${proxy}`
  const context = { error, inputs, node, host, theProxy }
  const { fault, means, todo, example = [], anchor } = FAULTS[error.code](context)
  return {
    fault,
    said: say`What happened: ${error.text}`,
    todo: [...list(todo), ...example],
    means: [paragraph(means)],
    anchor,
  }
}

/** What the explanations go by. */
interface FaultContext {
  readonly error: TransportError
  readonly inputs: Inputs
  readonly node: NodeSettings
  readonly host: string
  /** "the proxy", with its name if it is known. */
  readonly theProxy: Prose
}

/** One row for each code. */
const FAULTS: Readonly<Record<TransportFault, (context: FaultContext) => Fault>> = {
  tls: ({ error, node }) => tls(error, node),
  'proxy-tls': ({ node, theProxy }) => ({
    fault: say`no trusted TLS connection to ${theProxy}`,
    means: [
      'The URL of the proxy begins with `https://`, so the proxy itself must show a certificate that this machine trusts. The request has not left this machine.',
    ],
    todo: [
      ['Check that the proxy speaks TLS on this port; most do not, and their URL begins with `http://`.'],
      ...trustedCas(node),
    ],
    anchor: ANCHORS.proxyOrTls,
  }),
  'proxy-forbidden': ({ host, theProxy }) => ({
    fault: say`${theProxy} forbids ${host}`,
    means: say`The answer 403 came from the proxy. Neither ${host} nor any \`permissions\` are the cause.`,
    todo: [say`Ask the administrators of the proxy to allow ${host}, port 443.`, ...bypassProxy(host)],
    anchor: ANCHORS.proxyOrTls,
  }),
  'proxy-authentication': ({ error, host, theProxy }) => ({
    fault: error.proxyUserGiven
      ? say`${theProxy} rejects the user and the password given`
      : say`${theProxy} requires a user and a password`,
    means: say`The answer 407 came from the proxy, before anything reached ${host}.`,
    todo: [
      [
        "Put the user and the password into the proxy's URL, with reserved characters percent-encoded (`@` is `%40`): `HTTPS_PROXY: http://user:password@host:port`. Keep the URL in a secret.",
      ],
      ...bypassProxy(host),
    ],
    anchor: ANCHORS.proxyOrTls,
  }),
  'proxy-unreachable': ({ error, inputs, host, theProxy }) => ({
    fault: say`${theProxy} cannot be reached, or cannot reach ${host}`,
    means: [
      'There is no connection to the proxy, or the proxy itself reported that it has none to the host.',
    ],
    todo: [
      say`Check that \`HTTPS_PROXY\` names the right proxy and that it is running.`,
      ...endpointHints(error, inputs),
      ...bypassProxy(host),
    ],
    anchor: ANCHORS.proxyOrTls,
  }),
  'proxy-redirect': ({ host, theProxy }) => ({
    fault: say`${theProxy} answered with a redirect`,
    means: ['A proxy that requires a log-in in a browser (a captive portal) answers like this.'],
    todo: [
      say`Ask the administrators of the proxy to allow ${host}, port 443, without a log-in.`,
      ...bypassProxy(host),
    ],
    anchor: ANCHORS.proxyOrTls,
  }),
  'proxy-refused': ({ host, theProxy }) => ({
    fault: say`${theProxy} opens no tunnel to ${host}`,
    means: say`The answer came from the proxy. Neither ${host} nor any \`permissions\` are the cause.`,
    todo: [
      say`Check that \`HTTPS_PROXY\` names a proxy and that it allows CONNECT to ${host}, port 443.`,
      ...bypassProxy(host),
    ],
    anchor: ANCHORS.proxyOrTls,
  }),
  'proxy-unsupported': ({ host }) => ({
    fault: say`the proxy for ${host} is a SOCKS proxy, which this step does not support`,
    means: say`The step supports HTTP proxies (\`http://\` and \`https://\`). ${host} was not asked.`,
    todo: [['Set `HTTPS_PROXY` to an HTTP proxy for this step.'], ...bypassProxy(host)],
    anchor: ANCHORS.proxyOrTls,
  }),
  'proxy-invalid': ({ host }) => ({
    fault: say`the variable that names the proxy for ${host} does not hold the URL of a proxy`,
    means: say`${host} was not asked.`,
    todo: [
      [
        'Set `HTTPS_PROXY` to `http://host:port` or `http://user:password@host:port`, with reserved characters of the password percent-encoded (`@` is `%40`).',
      ],
      ...bypassProxy(host),
    ],
    anchor: ANCHORS.proxyOrTls,
  }),
  unreachable: ({ error, inputs, host }) => ({
    fault: say`${host} cannot be reached`,
    means: [
      'There is no connection: the name does not exist, or the network does not let this machine through.',
    ],
    todo: [...endpointHints(error, inputs), ...networkHints(error)],
    anchor: ANCHORS.network,
  }),
  timeout: ({ error, inputs, host }) => ({
    fault: say`${host} did not answer in time`,
    means: [
      'A firewall that drops packets looks like this, and so does a long or crowded route to the host.',
    ],
    todo: [
      ...endpointHints(error, inputs),
      ...networkHints(error),
      say`A single call has 10 s; the whole step has \`timeout-seconds\` (${inputs.timeoutSeconds}).`,
    ],
    anchor: ANCHORS.network,
  }),
  broken: ({ error, inputs, host }) => ({
    fault: say`the connection to ${host} broke`,
    means: ['The connection was established, and then something on the way closed it.'],
    todo: [...endpointHints(error, inputs), ...networkHints(error)],
    anchor: ANCHORS.network,
  }),
  status: ({ error, inputs, host }) => ({
    fault: say`${host} is overloaded or has an internal error`,
    means: [
      'It answered with a status that means "not now".',
      ...(host === inputs.endpoint.host
        ? [
            ' STS also throttles with status 302: all jobs, tools and services of the account share 100 AssumeRole calls a second.',
          ]
        : []),
    ],
    todo: [
      say`Run the job again. If it happens again, start fewer jobs at the same moment, or raise \`retry-max-attempts\` (${inputs.maxAttempts}) and \`timeout-seconds\` (${inputs.timeoutSeconds}).`,
      ...mainlandHint(error, inputs),
    ],
    anchor: ANCHORS.throttling,
  }),
  redirect: ({ error, inputs, host }) => ({
    ...somethingElse(error, inputs),
    fault: say`${host} answered with a redirect`,
  }),
  nonsense: ({ error, inputs, host }) => ({
    ...somethingElse(error, inputs),
    fault: say`${host} returned an unexpected response`,
  }),
}

function somethingElse(error: TransportError, inputs: Inputs): Omit<Fault, 'fault'> {
  const { host, proxy } = error
  return {
    means: [
      "Something other than the service itself has probably answered: a proxy's log-in or blocking page, a load balancer, or another service at that address.",
    ],
    todo: [
      ...endpointHints(error, inputs),
      proxy === undefined
        ? say`Find out whether the network sends requests through a transparent proxy, and ask its administrators to allow ${host}.`
        : say`Ask the administrators of the proxy ${proxy} to allow ${host}.`,
    ],
    anchor: ANCHORS.proxyOrTls,
  }
}

function tls(error: TransportError, node: NodeSettings): Fault {
  const { host, nodeCode = '' } = error
  const anchor = ANCHORS.proxyOrTls
  if (nodeCode === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return {
      fault: say`the certificate of ${host} is for another name`,
      means: say`Whatever answered at ${host} has a certificate that is not valid for this name: the name is not the service's own, or a proxy has answered instead.`,
      todo: [
        [
          'Check the host: omit `sts-endpoint`, or write it as Alibaba Cloud does (`sts.cn-hangzhou.aliyuncs.com`).',
        ],
      ],
      anchor,
    }
  }
  if (/^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/.test(nodeCode)) {
    return {
      fault: say`the certificate of ${host} has expired or is not valid yet`,
      means: [
        "By this machine's clock the certificate is not valid now. More often the clock is wrong than the certificate.",
      ],
      todo: [
        ['Check the clock of the runner. If it is right, check the certificate of the proxy on the way.'],
      ],
      anchor,
    }
  }
  if (/WRONG_VERSION_NUMBER|EPROTO/.test(nodeCode)) {
    return {
      fault: say`${host} does not speak TLS as expected`,
      means: [
        'The handshake failed before any certificate: the port speaks plain HTTP, or something on the way breaks TLS.',
      ],
      todo: [
        [
          'Check host and port in `sts-endpoint`, and that `HTTPS_PROXY` begins with `http://` unless the proxy itself speaks TLS.',
        ],
      ],
      anchor,
    }
  }
  return untrustedCertificate(host, node)
}

function untrustedCertificate(host: string, node: NodeSettings): Fault {
  return {
    fault: say`this machine does not trust the certificate of ${host}`,
    means: [
      'Most likely a proxy on the way inspects TLS and shows a certificate of its own CA, which Node.js does not know. ',
      node.usesSystemCas
        ? 'Node.js uses the CAs of this system (`NODE_USE_SYSTEM_CA=1`), and this one is not among them.'
        : 'By default Node.js does not use the CAs of the system.',
    ],
    todo: [...trustedCas(node), say`Or ask the proxy's administrators not to inspect ${host}.`],
    example: [
      paragraph(['For example, in the job:']),
      yaml(
        node.knowsSystemCas && !node.usesSystemCas
          ? "env:\n  NODE_USE_SYSTEM_CA: '1'"
          : 'env:\n  NODE_EXTRA_CA_CERTS: /etc/ssl/certs/company-ca.pem',
      ),
    ],
    anchor: ANCHORS.proxyOrTls,
  }
}

/** How a CA becomes trusted, as this Node.js can. */
function trustedCas({ extraCas, knowsSystemCas, usesSystemCas }: NodeSettings): Prose[] {
  return [
    ...(knowsSystemCas && !usesSystemCas
      ? [
          [
            "If the system of the runner trusts the CA: set `NODE_USE_SYSTEM_CA` to `1` for the job, so that Node.js uses the system's CAs.",
          ],
        ]
      : []),
    extraCas === undefined
      ? [
          "Put the CA's certificate (PEM) on the runner and set `NODE_EXTRA_CA_CERTS` to its path. It must be set before this step starts: for the job, or in the environment of the runner.",
        ]
      : extraCas.failure === undefined
        ? say`\`NODE_EXTRA_CA_CERTS\` is ${extraCas.path}: check that the file contains this CA's certificate (PEM).`
        : say`\`NODE_EXTRA_CA_CERTS\` is ${extraCas.path}, and this file cannot be read (${extraCas.failure}), so Node.js has ignored it. Correct the path or the file's permissions.`,
  ]
}

function bypassProxy(host: string): Prose[] {
  return [say`If the network allows it, bypass the proxy: add ${host} to \`NO_PROXY\`.`]
}

/** Which input chose the host, and what may be wrong with it. */
function endpointHints(error: TransportError, inputs: Inputs): Prose[] {
  const { host } = error
  if (host !== inputs.endpoint.host) return []
  if (host.startsWith('sts-vpc.')) {
    return [
      say`${host} can be reached only from inside a VPC of its region. Elsewhere omit \`sts-endpoint\`.`,
    ]
  }
  const mainland = mainlandHint(error, inputs)
  if (error.code !== 'unreachable' && error.code !== 'nonsense' && error.code !== 'redirect') return mainland
  return [...mainland, ...chosenBy(host, inputs)]
}

function chosenBy(host: string, { region }: Inputs): Prose[] {
  if (region !== undefined && host === `sts.${region}.aliyuncs.com`) {
    return [say`The host comes from \`region\` (${region}): check that it is a region ID of Alibaba Cloud.`]
  }
  if (host === GLOBAL_ENDPOINT) return []
  return [['The host comes from `sts-endpoint`: check that it is a host of STS, or omit the input.']]
}

/** STS hosts in mainland China: the global one and those of the regions there. */
const MAINLAND = /^sts\.(cn-(?!hongkong)[a-z0-9-]+\.)?aliyuncs\.com$/

function mainlandHint({ host }: TransportError, { endpoint }: Inputs): Prose[] {
  if (host !== endpoint.host || !MAINLAND.test(host)) return []
  return [
    say`${host} is in mainland China, and from abroad many calls to it fail. Set \`sts-endpoint\` to that of a near region, such as \`sts.ap-southeast-1.aliyuncs.com\` or \`sts.eu-central-1.aliyuncs.com\`: the credentials are valid in all regions.`,
  ]
}

function networkHints({ host, proxy }: TransportError): Prose[] {
  return [
    proxy === undefined
      ? say`If the network requires a proxy, set \`HTTPS_PROXY\` for the job. Otherwise allow the runner to connect to ${host}, port 443.`
      : say`Check that \`HTTPS_PROXY\` names the right proxy (${proxy}), and that the proxy allows ${host}.`,
  ]
}
