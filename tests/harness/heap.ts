const collect = (globalThis as { gc?: () => void }).gc;

/** Whether `heapMib()` leaves out what is only not collected yet: V8 was started with `--expose-gc`. */
export const isExact = collect !== undefined;

/** MiB of this process's heap in use. */
export function heapMib(): number {
  collect?.();
  return Deno.memoryUsage().heapUsed / 1024 / 1024;
}
