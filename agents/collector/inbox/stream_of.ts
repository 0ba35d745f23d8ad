const YEAR = String.raw`(?:19|20)\d\d`, MONTH = "(?:0[1-9]|1[0-2])";
const DAY = String.raw`(?:0[1-9]|[12]\d|3[01])`;
const DATE = String.raw`(?:${YEAR}${MONTH}${DAY}|${YEAR}(?<sep>[-_./])${MONTH}(?:\k<sep>${DAY})?)`;
const TIME = String.raw`(?:[T_.-]?(?:[01]\d|2[0-3])(?:[-:.h]?[0-5]\d){0,2}Z?)?`;
/** A stamp that begins a name, with the separator after it. */
const LEADING = new RegExp(String.raw`(?<=^|\/)${DATE}${TIME}(?:[-_./]|$)`, "g");
/** A stamp inside or at the end of a name, with the separator before it and a rotation number. */
const TRAILING = new RegExp(
  String.raw`[-_.]${DATE}${TIME}(?:[-_.]\d{1,3}(?=\.[A-Za-z]+$))?(?=$|[-_./])`,
  "g",
);
const PACKED = /\.(gz|bz2|xz|zst|zip)$/;
const ROTATION = /\.\d{1,3}$/;

/**
 * Returns the stream of a path or a glob: the name that all files of one log share. It removes date
 * and time stamps, rotation numbers and packing, so that `shop-2026-11-01.log`, `shop.log.1` and
 * `shop.log.2.gz` are all `shop.log`. A path that would be left empty stays as it is.
 */
export function streamOf(path: string): string {
  const stream = path.replace(PACKED, "").replace(ROTATION, "")
    .replace(LEADING, "").replace(TRAILING, "");
  return stream === "" || stream.endsWith("/") ? path : stream;
}
