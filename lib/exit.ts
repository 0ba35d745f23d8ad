/**
 * Exit codes. The first six are the outcomes of a command. The others follow sysexits.h and say why a
 * role could not start or continue.
 *
 * @module
 */

/** The exit code of each reason to end. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  refused: 3,
  unreachable: 4,
  timed_out: 5,
  damaged: 65,
  port_busy: 69,
  stuck: 70,
  storage_failed: 74,
  locked: 75,
  not_permitted: 77,
  no_secret: 78,
} as const;

/** Why a program ends. */
export type ExitReason = keyof typeof EXIT;

/** Ends the program with the exit code of `reason`; its message is one line for people. */
export class ExitError extends Error {
  override readonly name = "ExitError";
  readonly exitCode: number;

  constructor(readonly reason: ExitReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = EXIT[reason];
  }
}
