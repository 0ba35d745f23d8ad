/**
 * The flag with which a role that listens is given other limits than the defaults.
 *
 * @module
 */
import { LIMIT_NAMES, LIMIT_TABLE, type LimitName, LIMITS, type Limits } from "../wire/limits.ts";
import { integer } from "./settings.ts";

/** The setting `--limits`, for every role that listens. */
export const LIMITS_SETTING = {
  limits: {
    env: "BATON_LIMITS",
    value: "NAME=N,…",
    fallback: undefined,
    help: "Limits for peers, as in in_flight=16,auth_ms=5000",
    read: readLimits,
  },
};

/**
 * Reads `name=number`, or several of these separated by commas.
 *
 * @throws {RangeError} for an unknown name, a name that comes twice, a number out of its bounds, and
 * if connections without a login would leave no room for those with one
 */
export function readLimits(text: string): Partial<Limits> {
  const limits: Partial<Record<LimitName, number>> = {};
  for (const part of text.split(",")) {
    const [, name, value] = /^\s*(\w+)\s*=\s*(\S*)\s*$/.exec(part) ?? [];
    if (name === undefined) {
      throw new RangeError("it must be name=number, or several of them separated by commas");
    }
    if (!isLimitName(name)) {
      throw new RangeError(`there is no limit "${name}"; there are ${LIMIT_NAMES.join(", ")}`);
    }
    if (name in limits) throw new RangeError(`${name} comes twice`);
    const { min, max } = LIMIT_TABLE[name];
    limits[name] = integer(min, max, name)(value);
  }
  const { connections, connections_before_auth } = { ...LIMITS, ...limits };
  if (connections_before_auth < connections) return limits;
  throw new RangeError(
    `connections_before_auth must be less than connections: it is ${connections_before_auth}, ` +
      `and connections is ${connections}`,
  );
}

function isLimitName(name: string): name is LimitName {
  return Object.hasOwn(LIMIT_TABLE, name);
}
