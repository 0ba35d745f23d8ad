/**
 * Bytes that no client would send.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Dice } from "../harness/dice.ts";

const encoder = new TextEncoder();

/** Sequences on which decoders have failed. */
const ODD: readonly Uint8Array[] = [
  [0x00],
  [0x0a],
  [0x0d, 0x0a],
  [0x0d],
  [0xef, 0xbb, 0xbf], // a byte order mark
  [0xff, 0xfe],
  [0xc0, 0xaf], // overlong
  [0xe0, 0x80, 0xaf],
  [0xf0, 0x80, 0x80, 0xaf],
  [0xed, 0xa0, 0x80], // a surrogate
  [0xf4, 0x90, 0x80, 0x80], // beyond U+10FFFF
  [0xf0, 0x9f], // half of an emoji
  [0x80],
  [0xc2, 0x9b], // C1
  [0x1b, 0x5b, 0x32, 0x4a],
  [0x7f],
  [0x16, 0x03, 0x01, 0x02, 0x00], // how TLS begins
  [0x1f, 0x8b, 0x08],
  [0xe2, 0x80, 0xa8],
].map((bytes) => new Uint8Array(bytes));

/** Returns `length` bytes of any value. */
export function randomBytes(dice: Dice, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => dice.below(256));
}

/** Returns bytes of a kind that the dice choose. */
export function oddBytes(dice: Dice): Uint8Array {
  switch (dice.below(9)) {
    case 0:
      return randomBytes(dice, dice.pick([1, 10, 100, 5000, 70_000]));
    case 1: // few different bytes, so that they form pieces of JSON
      return Uint8Array.from({ length: dice.pick([10, 300]) }, () => dice.pick(LIKELY));
    case 2:
      return Buffer.concat(Array.from({ length: 1 + dice.below(30) }, () => dice.pick(ODD)));
    case 3:
      return encoder.encode(dice.pick(["\n", "\r\n", " \n", "\t\r\n"]).repeat(dice.pick(BLANKS)));
    case 4:
      return new Uint8Array(dice.pick([1, 4096, 4097, 70_000])).fill(dice.pick([0, 0x20, 0x7b]));
    case 5:
      return encoder.encode(
        dice.pick(["[", '{"a":', '"', "\\", "{}", "0,"]).repeat(
          dice.pick([3, 64, 65, 700, 4000, 30_000]),
        ),
      );
    case 6:
      return encoder.encode(
        dice.pick(["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "EHLO a\r\n", "quit\n"]),
      );
    case 7:
      return encoder.encode(
        String.fromCodePoint(...Array.from({ length: 20 }, () => dice.below(0x3000))) + "\n",
      );
    default:
      return encoder.encode(dice.pick(["null", "1", '"a"', "[]", "{}", "true", "{} {}"]) + "\n");
  }
}

const LIKELY = [...encoder.encode('{}[]",:\\ \n\r\t0e-vitbdypo')];
const BLANKS = [1, 99, 100, 101, 102, 20_000];

/** Returns a copy in which a few bytes are changed, removed, repeated or added. */
export function mutatedBytes(bytes: Uint8Array, dice: Dice): Uint8Array {
  let changed: Uint8Array = bytes.slice();
  for (let times = 1 + dice.below(3); times > 0; times--) {
    const at = dice.below(changed.length + 1);
    const to = Math.min(changed.length, at + 1 + dice.below(40));
    switch (dice.below(5)) {
      case 0:
        if (at < changed.length) changed[at] ^= 1 << dice.below(8);
        break;
      case 1:
        changed = Buffer.concat([changed.subarray(0, at), dice.pick(ODD), changed.subarray(at)]);
        break;
      case 2:
        changed = Buffer.concat([changed.subarray(0, at), changed.subarray(to)]);
        break;
      case 3:
        changed = Buffer.concat([changed.subarray(0, to), changed.subarray(at)]);
        break;
      case 4:
        changed = changed.slice(0, at);
    }
  }
  return changed;
}
