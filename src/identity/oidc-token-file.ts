/** The OIDC token from a file that something else keeps fresh. */
import { access, constants, open, type FileHandle } from 'node:fs/promises'
import type { Stats } from 'node:fs'
import { nodeCodeOf } from '../net/node-codes.js'
import { say, type Prose } from '../text/prose.js'
import { describeNonToken } from './non-token.js'
import { isJwt, OidcTokenError, type OidcTokenSource } from './oidc-token.js'

/** Far more than STS takes for a token. */
const MAX_FILE_BYTES = 64 * 1024

/**
 * Reads the token again for each use: whatever writes the file (such as ACK's RRSA) rotates it.
 *
 * @param mask called with each token
 * @param warn called if others on the machine may read the file and this user could change that
 * @throws (the function returned) OidcTokenError; no message shows the content
 */
export function tokenFromFile(
  path: string,
  mask: (secret: string) => void,
  warn: (text: Prose) => void,
): OidcTokenSource {
  let warned = false
  return async () => {
    const { content, stats } = await readRegularFile(path)
    // A byte order mark counts as white space.
    const token = content.trim()
    if (!isJwt(token)) {
      throw unusable(path, describeNonToken(token))
    }
    mask(token)
    if (!warned && (await couldBeTighter(path, stats))) {
      warned = true
      warn(
        say`oidc-token-file: ${path} can be read by every user of this machine (mode ${(stats.mode & 0o777).toString(8)}); 0600 or 0400 is enough.`,
      )
    }
    return token
  }
}

/**
 * Reads a file that may be anything: a pipe that nobody writes to, or a device that never ends,
 * must not block the step.
 *
 * @throws OidcTokenError
 */
async function readRegularFile(path: string): Promise<{ content: string; stats: Stats }> {
  let file: FileHandle | undefined
  try {
    // Without O_NONBLOCK (which Windows does not have) opening a FIFO waits for its writer.
    file = await open(path, constants.O_RDONLY | ((constants.O_NONBLOCK as number | undefined) ?? 0))
    const stats = await file.stat()
    if (stats.isDirectory()) throw unusable(path, 'cannot be read (EISDIR)')
    if (!stats.isFile()) throw unusable(path, 'is not a regular file')
    // One byte more than is allowed: the size that the system states may be old, or 0 below /proc.
    const buffer = Buffer.alloc(MAX_FILE_BYTES + 1)
    let length = 0
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length)
      length += bytesRead
      if (bytesRead === 0 || length === buffer.length) break
    }
    if (length > MAX_FILE_BYTES)
      throw unusable(path, `holds more than ${MAX_FILE_BYTES / 1024} KiB, and no token`)
    return { content: buffer.toString('utf8', 0, length), stats }
  } catch (cause) {
    if (cause instanceof OidcTokenError) throw cause
    throw unusable(path, `cannot be read (${nodeCodeOf(cause) ?? 'unknown cause'})`, cause)
  } finally {
    await file?.close()
  }
}

function unusable(path: string, what: string, cause?: unknown): OidcTokenError {
  return new OidcTokenError('token-file', say`oidc-token-file: ${path} ${[what]}`, { cause })
}

/**
 * Whether this user could restrict the file. Kubernetes mounts its tokens read-only with mode 0644,
 * and nobody in the pod can change that.
 */
async function couldBeTighter(path: string, { mode, uid }: Stats): Promise<boolean> {
  if (process.platform === 'win32' || (mode & 0o004) === 0 || uid !== process.getuid?.()) return false
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  )
}
