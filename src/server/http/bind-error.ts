/** What is said of an address that cannot be listened on. */

/** The address cannot be listened on; the message says which and what to do. */
export class BindError extends Error {
  override readonly name = "BindError";
}

/** `option` is what sets the address. */
export function bindError(
  { host, port }: { readonly host: string; readonly port: number },
  error: NodeJS.ErrnoException,
  option = "--bind",
): BindError {
  const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  switch (error.code) {
    case "EADDRINUSE":
      return new BindError(
        `${address} is in use: stop the program that listens there (ss -ltnp 'sport = :${port}' shows it), or choose another address with ${option}`,
        { cause: error },
      );
    case "EACCES":
      return new BindError(
        `${address} may not be used: ports below 1024 need root; choose another with ${option}`,
        { cause: error },
      );
    case "EADDRNOTAVAIL":
      return new BindError(
        `${address} is not an address of this machine: choose another with ${option} (ip address shows them)`,
        { cause: error },
      );
    default:
      return new BindError(`cannot listen on ${address}: ${error.message}`, { cause: error });
  }
}
