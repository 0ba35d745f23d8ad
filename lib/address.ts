/** Where a process listens. */
export interface Address {
  /** A name or an IP address; IPv6 without brackets. */
  readonly hostname: string;
  readonly port: number;
}

/** The address as `host:port`, an IPv6 address in brackets. */
export function addressText({ hostname, port }: Address): string {
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}
