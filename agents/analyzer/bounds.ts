/**
 * The bounds of what the analyzer looks at and returns. Bytes are bytes of JSON. The parts of a
 * `Partial` sum to less than `PARTIAL_BYTES_MAX`, so that sixteen partials fit one line of the
 * protocol.
 *
 * @module
 */
import { Format, ITEMS_MAX } from "../shapes.ts";

/** Bytes of one `Partial`. */
export const PARTIAL_BYTES_MAX = 256 * 1024;
/** Partials in one request. */
export const PARTIALS_MAX = 64;

/** Characters of a record that are read; the rest is only counted. */
export const RECORD_CHARS_MAX = 4096;
/** Characters of a template; a longer one ends in `<*>`. */
export const TEMPLATE_CHARS_MAX = 300;
/** Characters of a template's example. */
export const EXAMPLE_CHARS_MAX = 400;
/** Characters of a field's name; fields with longer names are left out. */
export const NAME_CHARS_MAX = 64;
/** Characters of a value; longer texts are not counted as values. */
export const VALUE_CHARS_MAX = 80;
/** Characters of a keyword; longer words are left out. */
export const WORD_CHARS_MAX = 32;

/** Different templates in one tally; records of further templates are counted as dropped. */
export const TALLY_TEMPLATES_MAX = 8192;
/** Different names of fields in one tally. */
export const TALLY_NAMES_MAX = 1024;
/** Different values of one name in one tally. */
export const TALLY_VALUES_MAX = 2048;
/** Different keywords in one tally. */
export const TALLY_WORDS_MAX = 20_000;

/** Templates of a `Partial`; the most frequent stay. */
export const TEMPLATES_MAX = ITEMS_MAX.templates;
/** Bytes of the templates of a `Partial`. */
export const TEMPLATES_BYTES_MAX = 128 * 1024;
/** Numeric fields of a `Partial`. */
export const FIELDS_MAX = ITEMS_MAX.fields;
/** Bytes of the numeric fields of a `Partial`. */
export const FIELDS_BYTES_MAX = 40 * 1024;
/** Buckets of one sign in a sketch; the smallest magnitudes share one. */
export const BUCKETS_MAX = ITEMS_MAX.buckets;
/** Names of fields whose values a `Partial` counts. */
export const NAMES_MAX = ITEMS_MAX.names;
/** Different values that are counted for one name. */
export const VALUES_PER_NAME_MAX = ITEMS_MAX.values;
/** Bytes of all values of a `Partial`. */
export const VALUES_BYTES_MAX = 32 * 1024;
/** Keywords of a `Partial`. */
export const WORDS_MAX = ITEMS_MAX.words;
/** Bytes of the keywords of a `Partial`. */
export const WORDS_BYTES_MAX = 8 * 1024;
/** Sources of a `Partial` by name; the others are summed up, by format. */
export const SOURCES_MAX = ITEMS_MAX.sources - Format.options.length;
/** Bytes of the sources of a `Partial`. */
export const SOURCES_BYTES_MAX = 16 * 1024;
/** The name of the sources that are summed up. */
export const SOURCES_REST = "(other sources)";
/** Points of a timeline. */
export const POINTS_MAX = ITEMS_MAX.points;

/** Numbers beyond this magnitude are ignored: their sum must stay finite. */
export const MAGNITUDE_MAX = 1e100;
