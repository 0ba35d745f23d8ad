import { Markup } from "./markup.ts";

/** The style of every page: system fonts, light or dark by the reader's setting, phone to paper. */
export const STYLE = new Markup(`
:root {
  color-scheme: light dark;
  --page: #f6f6f3; --card: #ffffff; --ink: #20242a; --soft: #626a75; --line: #e4e4de;
  --accent: #35618f; --tint: #eef4fa; --fill: #9db9d6; --hover: #20242a0d;
  --fatal: #84162b; --error: #cb4335; --warn: #d99a2b; --info: #6f9bc8; --debug: #93a0b0;
  --trace: #b6bfc9; --none: #cdd1d6; --calm: #3f8a63; --calm-tint: #eff7f2;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171b; --card: #1c2026; --ink: #e4e7ea; --soft: #99a2ad; --line: #2e343c;
    --accent: #8ab4e0; --tint: #1b2733; --fill: #4a6c90; --hover: #ffffff12;
    --fatal: #d2566e; --error: #e46a5c; --warn: #d9a441; --info: #5584b5; --debug: #6b7887;
    --trace: #4f5965; --none: #434b55; --calm: #6cc096; --calm-tint: #1a2a23;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2.5rem 1.25rem 3rem; max-width: 62rem; background: var(--page);
  color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  -webkit-text-size-adjust: 100%;
}
h1 { margin: 0; font-size: 1.7rem; line-height: 1.25; font-weight: 650; letter-spacing: -0.01em; }
h1, h2, p, code { overflow-wrap: anywhere; }
h2 { margin: 0 0 0.8rem; font-size: 1.02rem; font-weight: 650; }
h3 { margin: 1.1rem 0 0.4rem; font-size: 0.9rem; font-weight: 600; }
h3 span { font-weight: 400; }
.columns h3 { margin-top: 0.4rem; }
p { margin: 0.3rem 0; }
a { color: var(--accent); }
code, .mono { font: 0.86em/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
header .over { color: var(--soft); font-size: 0.9rem; }
header .headline { margin: 0.35rem 0 0.2rem; font-size: 1.12rem; }
.soft { color: var(--soft); }
.small { font-size: 0.86rem; }
section {
  margin-top: 1.1rem; padding: 1.15rem 1.3rem 1.25rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 10px;
}
section.news { background: var(--tint); border-color: transparent; border-left: 4px solid var(--accent); }
section.quiet { background: var(--calm-tint); border-left-color: var(--calm); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 1rem; margin-top: 1.1rem; }
.tile { padding: 0.85rem 1.1rem; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.tile b { display: block; font-size: 1.5rem; line-height: 1.3; font-weight: 600; font-variant-numeric: tabular-nums; }
.tile span { display: block; }
ul { margin: 0; padding: 0; list-style: none; }
li { margin: 0.55rem 0; }
ul.small li { margin: 0.15rem 0; }
ul.small li::first-letter { text-transform: uppercase; }
.chip {
  display: inline-block; padding: 0 0.5em; border-radius: 1em; border: 1px solid currentColor;
  font-size: 0.74rem; line-height: 1.45; font-weight: 600; white-space: nowrap; vertical-align: 0.06em;
}
.chip.fatal { color: var(--fatal); } .chip.error { color: var(--error); } .chip.warn { color: var(--warn); }
.chip.info, .chip.debug, .chip.trace { padding: 0; border-color: transparent; color: var(--soft); font-weight: 500; }
.chip.new { color: var(--card); background: var(--accent); border-color: var(--accent); }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { padding: 0 0.6rem 0.35rem 0; text-align: left; font-size: 0.8rem; font-weight: 500; color: var(--soft); }
td { padding: 0.42rem 0.6rem 0.42rem 0; border-top: 1px solid var(--line); vertical-align: baseline; }
th:last-child, td:last-child { padding-right: 0; }
.n { text-align: right; white-space: nowrap; }
.bar { width: 7rem; } td.bar svg { min-width: 5.5rem; } code.name { display: block; min-width: 7rem; }
.wide { width: 28%; min-width: 8rem; }
td.text { width: 99%; }
svg { display: block; width: 100%; overflow: visible; }
td svg { transform: translateY(1px); }
.key svg { display: inline-block; width: 10px; height: 10px; margin: 0 0.45em 0 0; }
.key > span { display: inline-block; margin-right: 1.1em; }
.rec { fill: var(--fill); } .err { fill: var(--error); } .track { fill: var(--line); }
.hit { fill: transparent; } g:hover > .hit { fill: var(--hover); }
.burst { fill: var(--warn); } .grid { stroke: var(--line); } .ink { stroke: var(--ink); stroke-width: 2; } .thin { stroke: var(--soft); }
.axis { fill: var(--soft); font-size: 11px; }
.l-fatal { fill: var(--fatal); } .l-error { fill: var(--error); } .l-warn { fill: var(--warn); }
.l-info { fill: var(--info); } .l-debug { fill: var(--debug); } .l-trace { fill: var(--trace); } .l-none { fill: var(--none); }
.plot { display: grid; grid-template-columns: auto 1fr; column-gap: 0.6rem; margin: 0.2rem 0 0.6rem; }
.plot .y {
  display: flex; flex-direction: column; justify-content: space-between; height: 166px; margin-top: 4px;
  color: var(--soft); font-size: 11px; line-height: 16px; text-align: right;
}
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: 0.4rem 2.2rem; }
section.news li { margin: 0.2rem 0 0.35rem; }
.example { padding-left: 0.7rem; border-left: 2px solid var(--line); color: var(--soft); font-size: 0.92rem; line-height: 1.35; }
section.news ul.columns { grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)); }
.words > span { display: inline-block; margin: 0 0.9rem 0.3rem 0; }
summary { cursor: pointer; list-style: none; }
summary::-webkit-details-marker { display: none; }
summary:hover code { color: var(--accent); }
details.more > summary { padding-top: 0.6rem; border-top: 1px solid var(--line); color: var(--accent); font-size: 0.86rem; }
details.more > summary::before { content: "▸ "; } details.more[open] > summary::before { content: "▾ "; }
details.more > table { margin-top: 0.5rem; }
details p { margin: 0.35rem 0 0.2rem; padding-left: 0.8rem; border-left: 2px solid var(--line); color: var(--soft); }
footer { margin-top: 1.6rem; color: var(--soft); font-size: 0.86rem; }
.nowrap { white-space: nowrap; }
@media (max-width: 40rem) {
  body { padding: 1.4rem 0.8rem 2rem; }
  section { padding: 1rem 0.95rem 1.05rem; }
  .tiles { gap: 0.7rem; }
  code.name { display: inline; }
  .axis.odd { display: none; }
  table.flow, .flow tbody, .flow tr, .flow td { display: block; width: auto; border: 0; padding: 0; text-align: left; }
  .flow thead, .flow .bar { display: none; }
  .flow tr { padding: 0.55rem 0; border-top: 1px solid var(--line); }
  .flow td { display: inline; margin-right: 0.55rem; }
  .flow td:empty { display: none; }
  .flow td.text { display: block; margin: 0.15rem 0 0; }
}
@media print {
  :root { --page: #ffffff; --tint: #f4f7fa; --calm-tint: #f4f8f5; }
  body { max-width: none; padding: 0; font-size: 11px; }
  section, .tile, tr, li { break-inside: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`);
