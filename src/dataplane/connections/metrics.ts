/**
 * Connections by Service, for Prometheus: whoever asks makes the kernel's table be looked at. At most
 * {@link MAX_SERVICES} Services have series of their own; all others are one, so that a cluster of 10,000 does not make
 * a scrape of a hundred thousand lines.
 */
import { Counter, Gauge, type Registry } from "prom-client";
import { type Log, silentLog } from "../../base/log.ts";
import type { ServiceTable } from "../table.ts";
import { type ConnectionAccounting, type Counts, createConnectionAccounting } from "./accounting.ts";
import type { ConntrackTable } from "./conntrack-table.ts";

/** The first so many Services that are seen with connections keep their names for as long as they exist. */
const MAX_SERVICES = 500;
/** What the others are called: no namespace has this name. */
const OTHERS = { namespace: "", service: "others" } as const;

/** Looks are shared by whoever asks within so many milliseconds. */
const FRESH = 1000;

export interface ConnectionMetricsOptions {
  /** What is programmed; undefined as long as nothing is. */
  readonly table: () => Pick<ServiceTable, "ports"> | undefined;
  /** Opened once, when somebody first asks. */
  readonly open: () => Promise<ConntrackTable>;
  /** @default {500} */
  readonly maxServices?: number;
  readonly log?: Log;
}

/** Adds the metrics to `registry`. Disposing closes the socket; the metrics then stand still. */
export function registerConnectionMetrics(
  registry: Registry,
  { table, open, maxServices = MAX_SERVICES, log = silentLog }: ConnectionMetricsOptions,
): Disposable {
  const accounting = createConnectionAccounting();
  const labelled = new Set<string>();
  let conntrack: Promise<ConntrackTable> | undefined;
  let last: { readonly at: number; readonly done: Promise<ConntrackTable | undefined> } | undefined;
  let isDisposed = false;

  async function look(): Promise<ConntrackTable | undefined> {
    const desired = table();
    if (desired === undefined || isDisposed) return undefined;
    try {
      conntrack ??= open();
      const opened = await conntrack;
      accounting.setPorts(desired.ports.values());
      await opened.look(accounting);
      return opened;
    } catch (err) {
      // Whoever scrapes gets the other metrics; and the next time is tried anew.
      log.warn({ err }, "the kernel's connections cannot be read");
      conntrack = undefined;
      return undefined;
    }
  }

  /** All metrics of one scrape are of one look. */
  function fresh(): Promise<ConntrackTable | undefined> {
    if (last === undefined || performance.now() - last.at > FRESH)
      last = { at: performance.now(), done: look() };
    return last.done;
  }

  const gauge = (
    name: string,
    help: string,
    labelNames: readonly string[],
    set: (gauge: Gauge, from: ConntrackTable) => void,
  ): void =>
    registry.registerMetric(
      new Gauge({
        name,
        help,
        labelNames: [...labelNames],
        registers: [],
        async collect() {
          const from = await fresh();
          this.reset();
          // Resetting one without labels makes it 0, which would be said of a kernel that was not asked.
          if (labelNames.length === 0) this.remove();
          if (from !== undefined) set(this, from);
        },
      }),
    );
  const counter = (name: string, help: string, key: "opened" | "closed" | "packets" | "bytes"): void =>
    registry.registerMetric(
      new Counter({
        name,
        help,
        labelNames: ["namespace", "service"],
        registers: [],
        async collect() {
          await fresh();
          this.reset();
          for (const [labels, sums] of sumsByService(accounting, labelled, maxServices))
            // Nothing is counted where the kernel does not count.
            if (sums[key] > 0 || key === "opened" || key === "closed") this.inc(labels, sums[key]);
        },
      }),
    );

  gauge(
    "fairlead_service_connections",
    "Connections through virtual addresses that the kernel tracks: active ones, and those that the endpoint has not answered yet (opening).",
    ["namespace", "service", "state"],
    (metric) => {
      for (const [labels, { active, opening }] of sumsByService(accounting, labelled, maxServices)) {
        metric.set({ ...labels, state: "active" }, active);
        metric.set({ ...labels, state: "opening" }, opening);
      }
    },
  );
  counter(
    "fairlead_service_connections_opened_total",
    "Connections that came since the first time metrics were asked for.",
    "opened",
  );
  counter(
    "fairlead_service_connections_closed_total",
    "Connections that ended since the first time metrics were asked for.",
    "closed",
  );
  counter(
    "fairlead_service_packets_total",
    "Packets of both directions, if the kernel counts them (net.netfilter.nf_conntrack_acct).",
    "packets",
  );
  counter(
    "fairlead_service_bytes_total",
    "Bytes of both directions, if the kernel counts them (net.netfilter.nf_conntrack_acct).",
    "bytes",
  );
  gauge(
    "fairlead_conntrack_entries",
    "Connections that the kernel tracks, of Services and of others.",
    [],
    (metric, from) => metric.set(from.fill().entries),
  );
  gauge(
    "fairlead_conntrack_limit",
    "How many the kernel tracks at the most; then new ones are dropped.",
    [],
    (metric, from) => metric.set(from.fill().limit),
  );

  return {
    [Symbol.dispose]() {
      isDisposed = true;
      conntrack?.then(
        (opened) => opened[Symbol.dispose](),
        () => undefined,
      );
    },
  };
}

/** By labels. Services without any connection so far are not among them. */
function sumsByService(
  accounting: ConnectionAccounting,
  labelled: Set<string>,
  maxServices: number,
): Map<{ readonly namespace: string; readonly service: string }, Counts> {
  const byService = new Map<string, Counts>();
  for (const { service, total } of accounting.ports()) {
    if (total.active + total.opening + total.opened + total.closed === 0 && !labelled.has(service)) continue;
    add(byService, service, total);
  }
  for (const service of labelled) if (!byService.has(service)) labelled.delete(service);
  const sums = new Map<{ readonly namespace: string; readonly service: string }, Counts>();
  const others = new Map<"others", Counts>();
  for (const [key, total] of byService) {
    if (labelled.size < maxServices) labelled.add(key);
    const [namespace = "", service = ""] = key.split("/");
    if (labelled.has(key)) sums.set({ namespace, service }, total);
    else add(others, "others", total);
  }
  for (const total of others.values()) sums.set(OTHERS, total);
  return sums;
}

function add<K>(sums: Map<K, Counts>, key: K, more: Readonly<Counts>): void {
  const sum = sums.get(key);
  if (sum === undefined) {
    const { active, opening, opened, closed, packets, bytes } = more;
    sums.set(key, { active, opening, opened, closed, packets, bytes });
    return;
  }
  for (const name of ["active", "opening", "opened", "closed", "packets", "bytes"] as const)
    sum[name] += more[name];
}
