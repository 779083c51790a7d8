/**
 * Addresses of this machine: the only ones beside the metadata service that may be asked without
 * TLS.
 */
export function isLoopback(hostname: string): boolean {
  return /^(127(\.\d+){3}|\[::1\]|localhost)$/.test(hostname)
}
