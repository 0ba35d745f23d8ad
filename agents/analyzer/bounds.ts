/**
 * The bounds of what the analyzer looks at and gives out. Bytes are those of the value as JSON. The
 * parts of a `Partial` sum to less than `PARTIAL_BYTES`, so that sixteen of them fit one line of the
 * protocol.
 *
 * @module
 */

import { Format, MOST } from "../shapes.ts";

export const PARTIAL_BYTES = 256 * 1024;

/** Partials in one request. */
export const PARTIALS_MAX = 64;

/** Characters of a record that are looked at; the rest only counts. */
export const RECORD_CHARS_MAX = 4096;
/** Characters of a template; longer ones end in `<*>`. */
export const TEMPLATE_CHARS_MAX = 300;
export const EXAMPLE_CHARS_MAX = 400;
/** Names of fields and values; longer ones are left out. */
export const NAME_CHARS_MAX = 64;
/** Values; longer ones are no word. */
export const VALUE_CHARS_MAX = 80;
export const WORD_CHARS_MAX = 32;

/** Different masked messages of one page; what comes later than this is counted as dropped. */
export const PAGE_TEMPLATES_MAX = 8192;
/** Different names and values of one page, and different values of one name. */
export const PAGE_NAMES_MAX = 1024;
export const PAGE_VALUES_MAX = 2048;
export const PAGE_WORDS_MAX = 20_000;

export const TEMPLATES_MAX = MOST.templates;
export const TEMPLATES_BYTES = 128 * 1024;
export const FIELDS_MAX = MOST.fields;
export const FIELDS_BYTES = 40 * 1024;
/** Buckets of one sign in a sketch; the smallest magnitudes are joined. */
export const BUCKETS_MAX = MOST.buckets;
export const NAMES_MAX = MOST.names;
export const VALUES_PER_NAME_MAX = MOST.values;
export const VALUES_BYTES = 32 * 1024;
export const WORDS_MAX = MOST.words;
export const WORDS_BYTES = 8 * 1024;
/** Sources by name; the rest is summed up under one name for each format. */
export const SOURCES_MAX = MOST.sources - Format.options.length;
export const SOURCES_BYTES = 16 * 1024;
export const SOURCES_REST = "(other sources)";
export const POINTS_MAX = MOST.points;

/** Numbers beyond this magnitude are no measurements, and their sum must stay finite. */
export const MAGNITUDE_MAX = 1e100;
