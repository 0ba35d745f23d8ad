/** Any value that JSON can hold. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A JSON object: the body of every request and reply. */
export type JsonObject = { [key: string]: Json };
