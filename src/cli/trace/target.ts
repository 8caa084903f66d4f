/** The target of a trace, as written on the command line. */
import { formatIp, parseIp } from "../../base/ip.ts";
import { UserError } from "../user-error.ts";

export interface Target {
  /** Canonical text. */
  readonly address: string;
  readonly port: number;
}

/** Reads "10.96.0.10:80" or "[fd00::1]:80". Throws UserError that shows the text. */
export function parseTarget(text: string): Target {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const address = match === null ? undefined : parseIp((match[1] ?? match[2])!);
  const port = Number(match?.[3]);
  if (address === undefined || port < 1 || port > 65535)
    throw new UserError(
      `${JSON.stringify(text)} is not an address and port`,
      'write it as "10.96.0.10:80" or "[fd00::1]:80"',
    );
  return { address: formatIp(address), port };
}
