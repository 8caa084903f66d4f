/** The host's resolvers, as resolv.conf(5) names them, followed as the file changes. */
import { readFile, stat } from "node:fs/promises";
import { isIP } from "node:net";
import { type Log, silentLog } from "../base/log.ts";

export interface ServerAddress {
  /** May have a zone: "fe80::1%eth0". */
  readonly address: string;
  readonly port: number;
}

const DNS_PORT = 53;
/** Milliseconds between looks at the file. */
const INTERVAL = 1000;

/** The nameserver lines; what is no address is not one. glibc reads three, and so do we. */
export function parseResolvConf(text: string): ServerAddress[] {
  return [...text.matchAll(/^nameserver[ \t]+(\S+)/gm)]
    .map(([, address = ""]) => ({ address, port: DNS_PORT }))
    .filter(({ address }) => isIP(address) !== 0)
    .slice(0, 3);
}

/**
 * "192.0.2.1", "192.0.2.1:5353" or "[2001:db8::1]:53", as in options. undefined if it is no such thing.
 */
export function parseServerAddress(text: string): ServerAddress | undefined {
  if (isIP(text) !== 0) return { address: text, port: DNS_PORT };
  const [, six, four, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const address = six ?? four ?? "";
  const port = Number(digits);
  return isIP(address) === (six === undefined ? 4 : 6) && port > 0 && port < 65_536
    ? { address, port }
    : undefined;
}

/** Which servers to ask now. */
export type Upstreams = () => Promise<readonly ServerAddress[]>;

/**
 * The servers of the file at `path`, looked at again when it has changed. As long as it cannot be read they are the ones
 * there were, and none at the start. `exclude` are our own addresses: to ask ourselves would go round for ever.
 */
export function resolvConf(
  path: string,
  exclude: (server: ServerAddress) => boolean,
  log: Log = silentLog,
): Upstreams {
  let servers: readonly ServerAddress[] = [];
  let lookedAt = -Infinity;
  let version = "";
  let looking: Promise<void> | undefined;
  const look = async (): Promise<void> => {
    try {
      const { mtimeMs, ino, size } = await stat(path);
      const now = `${mtimeMs} ${ino} ${size}`;
      if (now === version) return;
      servers = parseResolvConf(await readFile(path, "utf8")).filter((server) => !exclude(server));
      version = now;
      log.info({ path, servers }, "names outside of the cluster are asked of the host's resolvers");
    } catch (err) {
      if (version !== "unreadable") log.warn({ err, path }, "the host's resolvers cannot be read");
      version = "unreadable";
    }
  };
  return async () => {
    if (performance.now() - lookedAt > INTERVAL) {
      lookedAt = performance.now();
      looking = look();
    }
    await looking;
    return servers;
  };
}
