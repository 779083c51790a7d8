/** The commands that add the fingerprint of an issuer's root CA to its OIDC provider in RAM. */
import { commands, paragraph, type Block } from '../text/document.js'
import { parseArn } from '../sts/arn.js'

/** A host name with an optional port, that a shell takes as one word. */
const HOST = /^([a-z0-9-]+(?:\.[a-z0-9-]+)+)(?::(\d{1,5}))?$/
const PROVIDER = /^[A-Za-z0-9._-]{1,128}$/

/**
 * Follows the chain to the root, which servers do not send: Node.js completes it from the CAs that
 * it knows.
 */
const printRoot = (host: string, port: string): string =>
  `node -e 'const s = require("tls").connect({ host: "${host}", port: ${port}, servername: "${host}" }, () => { let c = s.getPeerCertificate(true); while (c.issuerCertificate && c.issuerCertificate !== c) c = c.issuerCertificate; console.log(c.subject.CN ?? c.subject.OU, c.fingerprint.replaceAll(":", "").toLowerCase()); s.end() })'`

/** Placeholders stand for what is not known or not safe to paste. */
export function fingerprintCommands(issuer: string | undefined, providerArn: string | undefined): Block[] {
  const [, host = '<issuer host>', port = '443'] =
    HOST.exec(issuer !== undefined && URL.canParse(issuer) ? new URL(issuer).host : '') ?? []
  const name = (providerArn === undefined ? undefined : parseArn(providerArn)?.resource) ?? ''
  const provider = PROVIDER.test(name) ? name : '<provider>'
  return [
    paragraph(["Print the root CA's name and fingerprint, on a network without a proxy that inspects TLS:"]),
    commands(printRoot(host, port)),
    paragraph(['Add it to the provider:']),
    commands(
      `aliyun ims AddFingerprintToOIDCProvider --OIDCProviderName ${provider} --Fingerprint <fingerprint>`,
    ),
  ]
}
