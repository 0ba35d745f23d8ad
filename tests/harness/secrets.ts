/** The shared secret of the tests. The transcripts in PROTOCOL.md are made with it. */
export const SECRET = "correct horse battery staple and more";

/** A secret that no server in the tests accepts. */
export const OTHER_SECRET = "a secret that nobody else here knows";
