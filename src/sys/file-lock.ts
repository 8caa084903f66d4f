/** Locks that the kernel gives back when their process ends, however it ends (flock(2)). */
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import koffi from "koffi";
import { EAGAIN, SystemError } from "./system-error.ts";

const flock = koffi.load(null).func("int flock(int fd, int operation)") as (
  fd: number,
  operation: number,
) => number;

const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * Locks the file for this process alone until it is disposed, and writes the process's id into it; makes the file if need be.
 * Undefined if somebody has it: {@link lockHolder}. Throws node's errors of opening, and SystemError.
 */
export function lockFile(path: string): Disposable | undefined {
  // Children do not inherit it: node opens with O_CLOEXEC.
  const fd = openSync(path, "a+", 0o600);
  try {
    if (flock(fd, LOCK_EX | LOCK_NB) === 0) {
      ftruncateSync(fd);
      writeSync(fd, `${process.pid}\n`);
      return { [Symbol.dispose]: () => closeSync(fd) };
    }
    const errno = koffi.errno();
    if (errno !== EAGAIN) throw new SystemError("flock", errno, [path]);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  closeSync(fd);
  return undefined;
}

/** The id of the process that has locked the file, or had; NaN if none ever did. */
export function lockHolder(path: string): number {
  return Number.parseInt(readFileSync(path, "utf8"));
}
