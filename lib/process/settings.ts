/**
 * The settings of a program: a flag wins over an environment variable, and that over the default.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import type { Address } from "../address.ts";
import { ExitError } from "../exit.ts";

/** A setting with a value: `--flag VALUE`, else the environment variable, else the fallback. */
export interface ValueSetting<T, F extends T | undefined = T> {
  /** The name of the environment variable, if there is one. */
  readonly env?: string;
  /** The name of the value in the help, as in `--port N`. */
  readonly value: string;
  /** The value if neither is given; may be `undefined`. */
  readonly fallback: F;
  readonly help: string;
  /** Reads the text. Throws a `RangeError` that says what was expected. */
  readonly read: (text: string) => T;
}

/** A flag without a value: it is given or not. */
export interface Switch {
  readonly help: string;
}

/** The settings of a program by flag, without the dashes. */
// deno-lint-ignore no-explicit-any -- a table of settings of any type
export type Settings = Readonly<Record<string, ValueSetting<any, any> | Switch>>;
/** The value of each setting; `true` or `false` for a switch. */
export type Values<S extends Settings> = {
  readonly [name in keyof S]: S[name] extends { read: (text: string) => infer T; fallback: infer F }
    ? T | Extract<F, undefined>
    : boolean;
};

/** A command line. */
export interface Parsed<S extends Settings> {
  readonly values: Values<S>;
  /** The arguments that are no flags, in order. */
  readonly rest: string[];
  /** Whether `--help` is given. */
  readonly help: boolean;
}

/**
 * Reads the flags in `args`, and the environment for flags that are not given.
 *
 * @throws {ExitError} `usage` for a flag that is unknown, lacks its value or can't be read
 */
export function parseSettings<const S extends Settings>(settings: S, args: string[]): Parsed<S> {
  const unknown: string[] = [];
  const names = Object.keys(settings);
  const flags = parseArgs(args, {
    string: ["_", ...names.filter((name) => "value" in settings[name])],
    boolean: [...names.filter((name) => !("value" in settings[name])), "help"],
    unknown: (arg, key) => {
      if (key !== undefined) unknown.push(arg);
      return key === undefined;
    },
  }) as { _: string[]; [name: string]: unknown };
  if (unknown.length > 0) {
    throw new ExitError("usage", `Cannot take "${unknown[0]}": no such flag, see --help`);
  }
  const values = Object.fromEntries(
    names.map((name) => [name, valueOf(name, settings[name], flags[name])]),
  );
  return { values: values as Values<S>, rest: flags._, help: flags.help === true };
}

/** Returns the help text: a line for each setting. */
export function settingsHelp(settings: Settings): string {
  return Object.entries(settings).map(([name, setting]) => {
    if (!("value" in setting)) return `  ${`--${name}`.padEnd(26)} ${setting.help}`;
    const { value, env, help, fallback } = setting;
    const notes = [
      ...(fallback === undefined ? [] : [`default ${format(fallback)}`]),
      ...(env === undefined ? [] : [`or ${env}`]),
    ];
    const flag = `--${name} ${value}`.padEnd(26);
    return `  ${flag} ${help}${notes.length > 0 ? ` (${notes.join("; ")})` : ""}`;
  }).join("\n");
}

function format(value: unknown): string {
  return Array.isArray(value)
    ? value.map(format).join(",")
    : typeof value === "object"
    ? `${(value as Address).hostname}:${(value as Address).port}`
    : String(value);
}

function valueOf<T>(
  name: string,
  setting: ValueSetting<T, T | undefined> | Switch,
  flag: unknown,
): T | boolean | undefined {
  if (!("value" in setting)) return flag === true;
  const fromEnv = setting.env === undefined ? undefined : variable(setting.env);
  const [text, source] = typeof flag === "string" ? [flag, `--${name}`] : [fromEnv, setting.env];
  if (text === undefined) return setting.fallback;
  return readValue(text, source!, setting.read);
}

/**
 * Returns a variable of the environment, or `undefined` if it is not set or empty.
 *
 * @throws {ExitError} `usage` if it is not UTF-8; without the value, since that may be a secret
 */
export function variable(name: string): string | undefined {
  try {
    return Deno.env.get(name) || undefined;
  } catch (error) {
    if (!(error instanceof Deno.errors.InvalidData)) throw error;
    throw new ExitError("usage", `Cannot read the variable ${name}: it is not UTF-8`);
  }
}

/**
 * Reads a value that a user has given.
 *
 * @param source the flag or variable that it comes from
 * @throws {ExitError} `usage`, with the text, its source and what was expected
 */
export function readValue<T>(text: string, source: string, read: (text: string) => T): T {
  try {
    return read(text);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ExitError("usage", `Cannot take "${text}" for ${source}: ${cause.message}`, {
      cause,
    });
  }
}

/** Returns a reader of whole numbers from `min` to `max`; its `RangeError` names `what`. */
export function integer(min: number, max: number, what = "it"): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new RangeError(`${what} must be a whole number from ${min} to ${max}`);
  };
}

/** Reads any text that is not empty; throws a `RangeError` for an empty one. */
export function text(value: string): string {
  if (value !== "") return value;
  throw new RangeError("it must not be empty");
}

/** Reads `host:port`, or several of these separated by commas; throws a `RangeError`. */
export function addresses(value: string): Address[] {
  return value.split(",").map((part) => {
    const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(part.trim()) ??
      [];
    const hostname = bracketed ?? plain;
    if (hostname !== undefined && Number(port) > 0 && Number(port) < 65536) {
      return { hostname, port: Number(port) };
    }
    throw new RangeError("it must be host:port, or several of them separated by commas");
  });
}
