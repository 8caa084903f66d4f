/** errno values as names and as errors that say which call failed, on what, and why. */
import { constants } from "node:os";
import { getSystemErrorMessage } from "node:util";

/** Names that node:os does not know, of asm-generic/errno.h; ENOTSUPP is the kernel's own and leaks through netlink. */
const LINUX_ONLY: Readonly<Record<string, number>> = {
  ENOTUNIQ: 76,
  EREMCHG: 78,
  ERESTART: 85,
  EUSERS: 87,
  ESOCKTNOSUPPORT: 94,
  EPFNOSUPPORT: 96,
  ESHUTDOWN: 108,
  EHOSTDOWN: 112,
  EUCLEAN: 117,
  EREMOTEIO: 121,
  EKEYREJECTED: 129,
  ENOTSUPP: 524,
};

/** Where two names share a number, the one that people know. */
const ALIASES = new Set(["EWOULDBLOCK", "ENOTSUP"]);

const names = new Map<number, string>();
for (const [name, value] of [...Object.entries(constants.errno), ...Object.entries(LINUX_ONLY)])
  if (!ALIASES.has(name)) names.set(value, name);

/** "ENOENT" for 2; "errno 4711" for a number without a name. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`;
}

/** "ENOENT (no such file or directory)". */
export function describeErrno(errno: number): string {
  const name = errnoName(errno);
  const text = Object.hasOwn(LINUX_ONLY, name) ? undefined : getSystemErrorMessage(-errno);
  return text === undefined ? name : `${name} (${text})`;
}

/** The errno values that code here compares with. */
export const ENOENT = 2;
export const EINTR = 4;
export const EAGAIN = 11;
export const EINVAL = 22;
export const ENFILE = 23;
export const EMFILE = 24;
export const ENAMETOOLONG = 36;
export const EMSGSIZE = 90;
export const EADDRINUSE = 98;
export const ENOBUFS = 105;
export const ECONNREFUSED = 111;
export const EINPROGRESS = 115;

/** A call to the kernel failed. Thrown by everything in src/sys. */
export class SystemError extends Error {
  override readonly name = "SystemError";
  /** The C function: "setns". */
  readonly syscall: string;
  /** The positive errno. */
  readonly errno: number;
  /** Its name: "EPERM". */
  readonly code: string;
  /** What it was called with. */
  readonly args: readonly unknown[];

  constructor(syscall: string, errno: number, args: readonly unknown[]) {
    const shown = args.map((arg) =>
      arg instanceof Uint8Array ? `<${arg.length} bytes>` : JSON.stringify(arg),
    );
    super(`${syscall}(${shown.join(", ")}) failed: ${describeErrno(errno)}`);
    this.syscall = syscall;
    this.errno = errno;
    this.code = errnoName(errno);
    this.args = args;
  }
}
