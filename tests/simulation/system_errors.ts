/** Class, message and number of each error, as Deno throws it on Linux. */
const ERRORS = {
  ENOENT: [Deno.errors.NotFound, "No such file or directory", 2],
  EINTR: [Deno.errors.Interrupted, "operation canceled", undefined],
  EIO: [Error, "Input/output error", 5],
  EBADF: [Error, "Bad file descriptor", 9],
  EEXIST: [Deno.errors.AlreadyExists, "File exists", 17],
  ENOTDIR: [Deno.errors.NotADirectory, "Not a directory", 20],
  EISDIR: [Deno.errors.IsADirectory, "Is a directory", 21],
  EINVAL: [TypeError, "Invalid argument", 22],
  ENOSPC: [Error, "No space left on device", 28],
  EPIPE: [Deno.errors.BrokenPipe, "Broken pipe", 32],
  ENOTEMPTY: [Error, "Directory not empty", 39],
  EADDRINUSE: [Deno.errors.AddrInUse, "Address already in use", 98],
  ECONNRESET: [Deno.errors.ConnectionReset, "Connection reset by peer", 104],
  ECONNREFUSED: [Deno.errors.ConnectionRefused, "Connection refused", 111],
} as const;

/** A code that `systemError` knows. */
export type SystemErrorCode = keyof typeof ERRORS;

/** Creates an error as Deno throws it; `about` names the operation and path. */
export function systemError(code: SystemErrorCode, about = ""): Error {
  const [Kind, text, number] = ERRORS[code];
  const message = number === undefined ? text : `${text} (os error ${number})`;
  return Object.assign(new Kind(about === "" ? message : `${message}: ${about}`), { code });
}

/** Creates the error that the use of a closed file, connection or listener throws. */
export function closedError(message = "Bad resource ID"): Error {
  return new Deno.errors.BadResource(message);
}
