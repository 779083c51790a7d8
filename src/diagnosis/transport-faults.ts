/** Why a host gave no usable answer, and what to do about it. */
import type { Inputs } from '../inputs/inputs.js'
import { GLOBAL_ENDPOINT } from '../sts/endpoint.js'
import type { TransportError } from '../net/transport-error.js'
import { heading, list, paragraph, yaml, type Block } from '../text/document.js'
import { say, type Prose } from '../text/prose.js'

const EXTRA_CA = `env:
  NODE_EXTRA_CA_CERTS: /etc/ssl/certs/company-ca.pem`

/** @returns the fault in a few words, and what explains it */
export function explainTransport(error: TransportError, inputs: Inputs): { fault: Prose; blocks: Block[] } {
  const { fault, means, todo, example } = told(error, inputs)
  return {
    fault,
    blocks: [
      paragraph(say`What happened: ${error.message}`),
      heading('What it means'),
      paragraph(means),
      heading('What to do'),
      ...list(todo),
      ...(example === undefined ? [] : [paragraph(say`For example, in the job:`), yaml(example)]),
    ],
  }
}

interface Diagnosis {
  readonly fault: Prose
  readonly means: Prose
  readonly todo: readonly Prose[]
  readonly example?: string
}

function told(error: TransportError, inputs: Inputs): Diagnosis {
  const { host, proxy } = error
  switch (error.code) {
    case 'tls':
      return tls(error)
    case 'proxy-authentication':
      return {
        fault: error.proxyUserGiven
          ? say`the proxy ${proxy ?? ''} rejects the user and password given`
          : say`the proxy ${proxy ?? ''} requires a user and a password`,
        means: say`The proxy does not let us through to ${host} as we are (407).`,
        todo: [
          say`Give the user and the password in the proxy's URL, reserved characters percent-encoded (\`@\` is \`%40\`): \`HTTPS_PROXY: http://user:password@host:port\`, the whole from a secret.`,
          say`Or let ${host} pass by the proxy: add it to \`NO_PROXY\`, where the network allows it.`,
        ],
      }
    case 'proxy-forbidden':
    case 'proxy-redirect':
    case 'proxy-refused':
      return {
        fault:
          error.code === 'proxy-forbidden'
            ? say`the proxy ${proxy ?? ''} forbids ${host}`
            : say`the proxy ${proxy ?? ''} opens no tunnel to ${host}`,
        means: say`This is the proxy's own answer, and ${host} was never reached: neither permissions nor keys are the cause.`,
        todo: networkHints(error),
      }
    case 'proxy-tls':
      return {
        fault: say`the certificate of the proxy ${proxy ?? ''} is not one that this machine trusts`,
        means: say`\`HTTPS_PROXY\` begins with \`https://\`, so the proxy itself must speak TLS. ${host} was never reached.`,
        todo: [
          say`If the proxy speaks plain HTTP, as most do, write \`http://\`. Otherwise name its CA's certificate (PEM) in \`NODE_EXTRA_CA_CERTS\`.`,
        ],
      }
    case 'proxy-unsupported':
    case 'proxy-invalid':
      return {
        fault:
          error.code === 'proxy-unsupported'
            ? say`the proxy for ${host} is a SOCKS proxy, a kind that this step does not support`
            : say`the proxy variable for ${host} does not hold the URL of a proxy`,
        means: say`${host} was not asked.`,
        todo: [
          say`Set \`HTTPS_PROXY\` to an HTTP proxy, or add ${host} to \`NO_PROXY\` if the network allows it.`,
        ],
      }
    case 'proxy-unreachable':
    case 'unreachable':
      return {
        fault: say`${host} cannot be reached`,
        means:
          proxy === undefined
            ? say`No connection came about: the name does not exist, or the network does not let this machine through.`
            : say`The proxy ${proxy} cannot be reached, or it does not reach ${host}.`,
        todo: [...endpointHints(error, inputs), ...networkHints(error)],
      }
    case 'timeout':
      return {
        fault: say`${host} did not answer in time`,
        means: say`A firewall that drops packets looks like this, and so does a long or crowded way to the host.`,
        todo: [
          ...abroad(error, inputs),
          ...networkHints(error),
          say`A single call has 10 s; the whole step has \`timeout-seconds\` (${inputs.timeoutSeconds}).`,
        ],
      }
    case 'broken':
      return {
        fault: say`the connection to ${host} broke off`,
        means: say`The connection stood, and then something on the way ended it.`,
        todo: [...abroad(error, inputs), ...networkHints(error)],
      }
    case 'status':
      return {
        fault: say`${host} is too busy or has a fault of its own`,
        means: say`It answered with a status that says "not now".${
          host === inputs.endpoint.host
            ? [
                ' STS throttles by status 302 too: the 100 AssumeRole calls a second that it answers are shared by the whole account.',
              ]
            : []
        }`,
        todo: [
          say`Run the job again. If it comes back, start fewer jobs at the same moment, or raise \`retry-max-attempts\` (${inputs.maxAttempts}) and \`timeout-seconds\` (${inputs.timeoutSeconds}).`,
          ...abroad(error, inputs),
        ],
      }
    case 'redirect':
    case 'nonsense':
      return {
        fault:
          error.code === 'redirect'
            ? say`${host} answered with a redirect`
            : say`the answer of ${host} makes no sense`,
        means: say`Something else than the service itself seems to have answered: a proxy's log-in or blocking page, a load balancer, or another service at that address.`,
        todo: [
          ...endpointHints(error, inputs),
          proxy === undefined
            ? say`See whether the network sends requests through a proxy without being asked, and ask its administrators to let ${host} through.`
            : say`Ask the administrators of the proxy ${proxy} to let ${host} through.`,
        ],
      }
  }
}

function tls(error: TransportError): Diagnosis {
  const { host } = error
  if (error.message.includes('ERR_TLS_CERT_ALTNAME_INVALID')) {
    return {
      fault: say`the certificate of ${host} is for another name`,
      means: say`Whoever answered at ${host} shows a certificate that does not hold for that name: the name is not the service's own, or a proxy has answered in its place.`,
      todo: [
        say`See that the host is right: leave \`sts-endpoint\` out, or write it as Alibaba Cloud does (\`sts.cn-hangzhou.aliyuncs.com\`).`,
      ],
    }
  }
  if (/CERT_(HAS_EXPIRED|NOT_YET_VALID)/.test(error.message)) {
    return {
      fault: say`the certificate of ${host} is out of date`,
      means: say`By this machine's clock the certificate is not valid now. More often than the certificate it is the clock.`,
      todo: [
        say`Look at the clock of the runner. If it is right, look at the certificate of the proxy on the way.`,
      ],
    }
  }
  if (/WRONG_VERSION_NUMBER|EPROTO/.test(error.message)) {
    return {
      fault: say`${host} does not speak TLS as it should`,
      means: say`The handshake failed before any certificate: the port speaks plain HTTP, or something on the way cuts TLS off.`,
      todo: [
        say`See that host and port in \`sts-endpoint\` are right, and that \`HTTPS_PROXY\` begins with \`http://\` unless the proxy itself speaks TLS.`,
      ],
    }
  }
  return {
    fault: say`the certificate of ${host} is not one that this machine trusts`,
    means: say`Most likely a proxy on the way inspects TLS and shows a certificate of its own CA, which Node does not know. Node does not look into the system's store of CAs.`,
    todo: [
      say`Put the CA's certificate (PEM) on the runner and name it in \`NODE_EXTRA_CA_CERTS\`. It must be set before this step starts: for the job, or in the runner's own environment.`,
      say`Or ask the proxy's administrators not to inspect ${host}.`,
    ],
    example: EXTRA_CA,
  }
}

/** Which input named the host. */
function endpointHints(error: TransportError, inputs: Inputs): Prose[] {
  const { host } = error
  if (host !== inputs.endpoint.host) return []
  if (host.startsWith('sts-vpc.')) {
    return [
      say`${host} can be reached from inside a VPC of its region only. Elsewhere leave \`sts-endpoint\` out.`,
    ]
  }
  if (inputs.region !== undefined && host === `sts.${inputs.region}.aliyuncs.com`) {
    return [
      say`The host follows from \`region\` (${inputs.region}): see that it is a region ID of Alibaba Cloud.`,
    ]
  }
  if (host === GLOBAL_ENDPOINT) return abroad(error, inputs)
  return [say`The host follows from \`sts-endpoint\`: see that it is one of STS, or leave it out.`]
}

function abroad({ host }: TransportError, { endpoint, region }: Inputs): Prose[] {
  if (host !== endpoint.host || host !== GLOBAL_ENDPOINT || region !== undefined) return []
  return [
    say`${host} lies in mainland China, and from abroad many calls to it fail. Give \`region\` (a near one, such as \`ap-southeast-1\` or \`eu-central-1\`): STS is then asked there. The credentials hold everywhere.`,
  ]
}

function networkHints({ host, proxy }: TransportError): Prose[] {
  return [
    proxy === undefined
      ? say`Where the network asks for a proxy, set \`HTTPS_PROXY\` for the job. Otherwise let the runner through to ${host}, port 443.`
      : say`See that \`HTTPS_PROXY\` names the right proxy (${proxy}), and that the proxy lets ${host} through.`,
  ]
}
