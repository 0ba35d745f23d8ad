/** What is the same for all requests of a collector. */
export interface CollectorConfig {
  /** Folder whose files may be read. */
  readonly inbox: string;
  /** Returns the time, in ms since 1970. */
  readonly now: () => number;
}
