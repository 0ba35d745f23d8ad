import { TEMPLATE_CHARS_MAX } from "../bounds.ts";
import { clipText } from "../records/clip_text.ts";
import { WILDCARD } from "./wildcard.ts";

/**
 * Bounds a masked message to `TEMPLATE_CHARS_MAX`; a longer one ends after a whole word, in `<*>`.
 */
export function clipTemplate(masked: string): string {
  if (masked.length <= TEMPLATE_CHARS_MAX) return clipText(masked, TEMPLATE_CHARS_MAX);
  const front = masked.slice(0, TEMPLATE_CHARS_MAX - WILDCARD.length - 1);
  const space = front.lastIndexOf(" ");
  return clipText(`${space > 0 ? front.slice(0, space) : front} ${WILDCARD}`, TEMPLATE_CHARS_MAX);
}
