/**
 * Under NODE_DEBUG=http Node itself prints every header and path of every request to stderr, keys
 * and signatures with them, and it has read the variable before any of our lines runs. This step
 * has nothing of its own to say there.
 */
export function muteNodeDebug(): void {
  if (process.env.NODE_DEBUG) process.stderr.write = () => true
}
