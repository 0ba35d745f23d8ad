/** What the collector is given once, for all its requests. */
export interface CollectorConfig {
  /** The folder whose files may be read. */
  readonly inbox: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}
