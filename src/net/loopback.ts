/**
 * Whether a host name is an address of this machine. Besides the metadata service these are the
 * only hosts that are called without TLS.
 */
export function isLoopback(hostname: string): boolean {
  return /^(127(\.\d+){3}|\[::1\]|localhost)$/.test(hostname)
}
