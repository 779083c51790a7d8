import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { generate } from 'selfsigned'

export interface Certificates {
  /** The server's key and certificate chain, PEM. */
  readonly key: string
  readonly cert: string
  /** The test CA's certificate, PEM: for NODE_EXTRA_CA_CERTS. */
  readonly caFile: string
  readonly remove: () => Promise<void>
}

/**
 * Makes a CA of its own and has it certify 127.0.0.1, ::1, localhost and the names given. The CA's
 * certificate lies in a new temporary folder.
 *
 * @param caName another name for a second CA, so that a client can trust both
 */
export async function createCertificates(
  hostNames: readonly string[],
  caName = 'Stand-in test CA',
): Promise<Certificates> {
  const ca = await generate([{ name: 'commonName', value: caName }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  })
  const server = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    ca: { key: ca.private, cert: ca.cert },
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 7, ip: '127.0.0.1' },
          { type: 7, ip: '::1' },
          ...['localhost', ...hostNames].map((value) => ({ type: 2 as const, value })),
        ],
      },
    ],
  })
  const folder = await mkdtemp(join(tmpdir(), 'stand-in-ca-'))
  const caFile = join(folder, 'ca.pem')
  await writeFile(caFile, ca.cert)
  return {
    key: server.private,
    cert: server.cert,
    caFile,
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}
