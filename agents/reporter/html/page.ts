import { sha256 } from "../../../lib/digest.ts";
import { type Child, html } from "./markup.ts";
import { STYLE } from "./style.ts";

/**
 * Wraps a body into a page that stands alone. Its policy forbids it to load or run anything; the
 * only style allowed is its own, known by its digest.
 */
export function page(title: string, body: Child): string {
  const policy = [
    "default-src 'none'",
    `style-src 'sha256-${sha256(STYLE.text, "base64")}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return html`
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta name="referrer" content="no-referrer">
        <meta http-equiv="Content-Security-Policy" content="${policy}">
        <title>${title}</title>
        <style>${STYLE}</style>
      </head>
      <body>
    ${body}
      </body>
    </html>
  `.text;
}
