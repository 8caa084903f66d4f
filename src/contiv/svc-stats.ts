/**
 * Packets and bytes of each client with each Service and provider, out of the kernel's own counts for its connections:
 * those of connections that ended are kept, those of living ones are read when somebody asks. So nothing polls, and counts
 * only grow.
 *
 * To hear of each connection's end costs new connections (`npm run bench -- svc-stats`). So that begins with the first question, and
 * ends when nobody has asked for a quarter of an hour: the next question then begins anew, and every answer says since when.
 *
 * Bytes are those of whole IP packets, headers included, as conntrack counts them.
 */
import type { Connection } from "../net/conntrack/model.ts";
import type { ConnectionSource } from "../dataplane/connections/connection-source.ts";
import { DataPlaneError } from "../dataplane/dataplane.ts";
import { type ServiceTable, virtualPortKey } from "../dataplane/table.ts";
import {
  addCarried,
  addCounts,
  noCounts,
  type Path,
  pathKey,
  pathOf,
  statsByClient,
  type Sum,
} from "./svc-stats-paths.ts";
import type { SvcStatsAnswer, SvcStatsByClient, SvcStatsSource, Tenants } from "./svc-stats-source.ts";

/** Who has not asked for so long asks no more, in milliseconds. */
const LISTENING = 15 * 60_000;
/** A client without any connection for so long is forgotten, in milliseconds. */
const KEPT = 60 * 60_000;
/** The most (client, Service port, provider) that are kept of ended connections; those that ended longest ago make room. */
const MAX_PATHS = 100_000;
/** `at`: when one of its connections was last known. */
type Counted = Path & { readonly counts: Sum; readonly at: number };

export interface SvcStatsOptions {
  /** What is programmed; undefined as long as nothing is. */
  readonly table: () => Pick<ServiceTable, "ports"> | undefined;
  /** Opens the kernel's connections, when somebody asks. */
  readonly open: (onEnd: (connection: Connection) => void) => Promise<ConnectionSource>;
  /** The most that is kept. @default {100_000} */
  readonly maxPaths?: number;
  /** Milliseconds that only grow. @default {performance.now} */
  readonly now?: () => number;
}

/** What is open, and since when. */
interface Counting {
  readonly source: ConnectionSource;
  readonly since: string;
}

export function createSvcStats({
  table,
  open,
  maxPaths = MAX_PATHS,
  now = () => performance.now(),
}: SvcStatsOptions): SvcStatsSource & Disposable {
  /** Of ended connections, by path; the longest ago first. */
  const ended = new Map<string, Counted>();
  /** Those of the last reading: one that is neither there at the next nor was told to have ended has ended unheard. */
  let living = new Map<string, Connection>();
  /** Those that end while connections are read: the reading may have them, too. */
  let endedMeanwhile: Set<string> | undefined;
  let counting: Counting | undefined;
  let giveUp: NodeJS.Timeout | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let isDisposed = false;

  function end(connection: Connection): void {
    const key = connectionKey(connection);
    living.delete(key);
    endedMeanwhile?.add(key);
    const path = pathOf(table(), connection);
    if (path === undefined) return;
    const name = pathKey(path);
    const known = ended.get(name);
    const counts = known?.counts ?? noCounts();
    addCarried(counts, connection);
    ended.delete(name);
    ended.set(name, { ...path, counts, at: now() });
    if (ended.size > maxPaths) ended.delete(ended.keys().next().value!);
  }

  async function begun(): Promise<Counting> {
    if (counting !== undefined) return counting;
    const source = await open(end);
    counting = { source, since: new Date().toISOString() };
    // It was disposed of while it opened.
    if (isDisposed) stop();
    return counting;
  }

  function stop(): void {
    clearTimeout(giveUp);
    counting?.source[Symbol.dispose]();
    counting = undefined;
    living.clear();
    ended.clear();
  }

  async function read(tenants: Tenants, signal: AbortSignal): Promise<SvcStatsAnswer> {
    if (isDisposed) throw new Error("closed");
    const { source: from, since } = await begun();
    if (!from.hasCounters()) {
      // There is nothing to be heard.
      stop();
      throw new DataPlaneError(
        "the kernel does not count packets and bytes of connections: net.netfilter.nf_conntrack_acct is 0",
        {
          remedy:
            "sysctl -w net.netfilter.nf_conntrack_acct=1; connections that begin from then on are counted",
        },
      );
    }
    clearTimeout(giveUp);
    giveUp = setTimeout(stop, LISTENING).unref();
    const found = new Map<string, Connection>();
    const meanwhile = (endedMeanwhile = new Set<string>());
    try {
      await from.visit((connection) => found.set(connectionKey(connection), connection), signal);
      from.hearEnds();
    } finally {
      endedMeanwhile = undefined;
    }
    for (const key of meanwhile) found.delete(key);
    const unheard = [...living].filter(([key]) => !found.has(key));
    for (const [, connection] of unheard) end(connection);
    living = found;
    return { since, clients: summary(found.values(), tenants, since) };
  }

  function summary(connections: Iterable<Connection>, tenants: Tenants, since: string): SvcStatsByClient {
    const paths = new Map<string, Counted>();
    for (const connection of connections) {
      const path = pathOf(table(), connection);
      if (path === undefined) continue;
      const key = pathKey(path);
      const counted = paths.get(key) ?? { ...path, counts: noCounts(), at: now() };
      addCarried(counted.counts, connection);
      paths.set(key, counted);
    }
    const alive = new Set(Array.from(paths.values(), ({ client }) => client));
    const ports = table()?.ports;
    for (const [key, one] of ended) {
      const isServed = ports?.has(virtualPortKey(one.port)) === true;
      if (!isServed || (!alive.has(one.client) && now() - one.at > KEPT)) {
        ended.delete(key);
        continue;
      }
      const counted = paths.get(key);
      if (counted === undefined) paths.set(key, one);
      else addCounts(counted.counts, one.counts);
    }
    return statsByClient(paths.values(), tenants, since);
  }

  return {
    /** One after another: two readings at once would take each other's for ends. */
    read(tenants, signal) {
      const result = last.then(() => read(tenants, signal));
      last = result.catch(() => undefined);
      return result;
    },
    [Symbol.dispose]() {
      isDisposed = true;
      stop();
    },
  };
}

function connectionKey({ original, zone, id }: Connection): string {
  const { source, destination, protocol, sourcePort, destinationPort } = original;
  const bytes = Buffer.concat([source, destination]).toString("latin1");
  return `${bytes} ${protocol} ${sourcePort} ${destinationPort} ${zone} ${id}`;
}
