/**
 * What the node's part counts, in Prometheus' text format. Names that begin with `kubeproxy_` are kube-proxy's
 * (pkg/proxy/metrics/metrics.go), with its buckets, so that its dashboards and SLOs can be used.
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { type Log, silentLog } from "../base/log.ts";
import type { ServiceTable } from "../dataplane/table.ts";
import type { Programmed } from "./agent.ts";
import { type KernelReadings, registerKernelMetrics } from "./kernel-metrics.ts";

/** Seconds: 0.25, 0.5, 1 to 59, 60 to 115 in fives, 120 to 300 in thirties. */
const NETWORK_PROGRAMMING = [
  0.25,
  0.5,
  ...steps(1, 1, 59),
  ...steps(60, 5, 12),
  ...steps(120, 30, 7),
] as const;
/** Seconds: upstream's 15 from 1 ms on, doubling; a change takes us less, so finer ones are put before. */
const SYNC = [0.000_05, 0.0001, 0.0002, 0.0005, ...Array.from({ length: 15 }, (_, i) => 0.001 * 2 ** i)];

export interface AgentMetrics {
  readonly registry: Registry;
  programmed(programmed: Programmed): void;
  queued(what: "service" | "endpoints" | "node"): void;
  caughtUp(): void;
  failed(): void;
  healthAnswered(path: "/healthz" | "/livez", code: number): void;
  /** What the gauges are read from when somebody asks; from then on. */
  observe(parts: Observed): void;
}

export interface Observed {
  readonly table: () => ServiceTable;
  /** Of the data plane that has some. */
  readonly kernel?: KernelReadings | undefined;
  readonly services: () => number;
  readonly conflicts: () => readonly unknown[];
  /** Milliseconds since the API server was heard; undefined: it was not yet. */
  readonly silence: () => number | undefined;
}

export function createAgentMetrics(log: Log = silentLog): AgentMetrics {
  const registry = new Registry();
  const registers = [registry];
  let observed: Observed | undefined;
  const gauge = (name: string, help: string, read: (from: Observed) => number | undefined): void => {
    const metric = new Gauge({
      name,
      help,
      registers: [],
      collect() {
        const value = observed === undefined ? undefined : read(observed);
        if (value !== undefined) this.set(value);
      },
    });
    registry.registerMetric(metric);
  };

  const latency = new Histogram({
    name: "kubeproxy_network_programming_duration_seconds",
    help: "Seconds from a change of a Service's pods to its being programmed here, each change counted.",
    buckets: [...NETWORK_PROGRAMMING],
    registers,
  });
  const sync = new Histogram({
    name: "kubeproxy_sync_proxy_rules_duration_seconds",
    help: "Seconds that one commit to the data plane took.",
    buckets: SYNC,
    registers,
  });
  const eventToCommit = new Histogram({
    name: "fairlead_event_to_commit_seconds",
    help: "Seconds from the arrival of a change to the end of the commit that programmed it.",
    labelNames: ["how"],
    buckets: SYNC,
    registers,
  });
  const lastSync = new Gauge({
    name: "kubeproxy_sync_proxy_rules_last_timestamp_seconds",
    help: "When the data plane was last committed to.",
    registers,
  });
  const lastQueued = new Gauge({
    name: "kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds",
    help: "When a change was last received that the data plane may have to follow.",
    registers,
  });
  const totals = {
    service: new Counter({
      name: "kubeproxy_sync_proxy_rules_service_changes_total",
      help: "Changes of Services that were received.",
      registers,
    }),
    endpoints: new Counter({
      name: "kubeproxy_sync_proxy_rules_endpoint_changes_total",
      help: "Changes of EndpointSlices that were received.",
      registers,
    }),
  };
  const pending = {
    service: new Gauge({
      name: "kubeproxy_sync_proxy_rules_service_changes_pending",
      help: "Changes of Services that are not yet programmed.",
      registers,
    }),
    endpoints: new Gauge({
      name: "kubeproxy_sync_proxy_rules_endpoint_changes_pending",
      help: "Changes of EndpointSlices that are not yet programmed.",
      registers,
    }),
  };
  const failures = new Counter({
    name: "fairlead_dataplane_failures_total",
    help: "Commits that the data plane refused; each is tried again.",
    registers,
  });
  const written = new Counter({
    name: "fairlead_dataplane_written_total",
    help: "Virtual ports written by deltas, and objects written by whole syncs.",
    labelNames: ["how"],
    registers,
  });
  const answers = {
    "/healthz": new Counter({
      name: "kubeproxy_proxy_healthz_total",
      help: "Answers of /healthz.",
      labelNames: ["code"],
      registers,
    }),
    "/livez": new Counter({
      name: "kubeproxy_proxy_livez_total",
      help: "Answers of /livez.",
      labelNames: ["code"],
      registers,
    }),
  };
  gauge("fairlead_services", "Services that are followed.", ({ services }) => services());
  gauge("fairlead_virtual_ports", "Virtual ports that are programmed.", ({ table }) => table().ports.size);
  gauge("fairlead_backends", "Endpoints of all virtual ports.", ({ table }) => {
    let count = 0;
    for (const { backends } of table().ports.values()) count += backends.length;
    return count;
  });
  gauge(
    "fairlead_virtual_port_conflicts",
    "Virtual ports that more than one Service wants.",
    (from) => from.conflicts().length,
  );
  gauge("fairlead_api_silence_seconds", "Seconds since the API server sent anything.", ({ silence }) => {
    const milliseconds = silence();
    return milliseconds === undefined ? undefined : milliseconds / 1000;
  });

  registerKernelMetrics(registry, () => observed?.kernel, log);

  return {
    registry,
    programmed({ how, written: size, sinceEvent, duration, sinceTriggers }) {
      for (const milliseconds of sinceTriggers) latency.observe(milliseconds / 1000);
      sync.observe(duration / 1000);
      eventToCommit.observe({ how }, sinceEvent / 1000);
      written.inc({ how }, size);
      lastSync.setToCurrentTime();
    },
    queued(what) {
      lastQueued.setToCurrentTime();
      if (what === "node") return;
      totals[what].inc();
      pending[what].inc();
    },
    caughtUp() {
      pending.service.set(0);
      pending.endpoints.set(0);
    },
    failed() {
      failures.inc();
    },
    healthAnswered(path, code) {
      answers[path].inc({ code: String(code) });
    },
    observe(parts) {
      observed = parts;
    },
  };
}

/** Buckets from `first`, `step` apart. */
function steps(first: number, step: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i * step);
}
