/**
 * The node's own HTTP ports, kube-proxy's: /healthz and /livez on one, /metrics and /proxyMode on the other. They are
 * in the namespace that is programmed, which is the node.
 */
import type { Registry } from "prom-client";
import { backoffDelay, pause } from "../base/backoff.ts";
import { type Log, silentLog } from "../base/log.ts";
import { type Answer, hostPort, listenHttp } from "./http-listener.ts";
import type { ProxyHealth } from "./proxy-health.ts";

interface HostPort {
  readonly host: string;
  readonly port: number;
}

export interface ServeNodeOptions {
  /** Undefined: not served. */
  readonly healthz: HostPort | undefined;
  readonly metrics: HostPort | undefined;
  readonly netns: string | undefined;
  readonly health: ProxyHealth;
  readonly registry: Registry;
  /** What /proxyMode says: "nftables" or "userspace". */
  readonly proxyMode: string;
  /** Called with the port when one is open. */
  readonly onListening?: (what: "healthz" | "metrics", port: number) => void;
  readonly log?: Log;
  /** Closes both. */
  readonly signal: AbortSignal;
}

/** Between attempts to open a port that is taken: kube-proxy tries every five seconds. */
const BACKOFF = { initial: 1000, limit: 5000 };
const TEXT = { "content-type": "text/plain; charset=utf-8" };

/**
 * Resolves when the signal has aborted and the ports are closed. A port that cannot be opened is tried again: Services
 * work without it.
 */
export async function serveNode(options: ServeNodeOptions): Promise<void> {
  const { healthz, metrics, netns, health, registry, proxyMode, log = silentLog, signal } = options;

  async function keep(what: "healthz" | "metrics", place: HostPort, answer: Answer): Promise<void> {
    for (let failures = 0; !signal.aborted;)
      try {
        using listener = await listenHttp({ ...place, netns }, answer);
        log.info({ what, address: hostPort(place.host, listener.port) }, "serving");
        options.onListening?.(what, listener.port);
        await aborted(signal);
      } catch (err) {
        const said = failures++ === 0 ? "error" : "debug";
        log[said]({ err, what, address: hostPort(place.host, place.port) }, "cannot serve, trying again");
        await pause(backoffDelay(failures, BACKOFF), signal);
      }
  }

  const metricsAnswer: Answer = async (path) => {
    if (path === "/proxyMode") return { status: 200, headers: TEXT, body: proxyMode };
    if (path === "/healthz") return { status: 200, headers: TEXT, body: "ok" };
    if (path !== "/metrics") return undefined;
    const headers = { "content-type": registry.contentType };
    return { status: 200, headers, body: await registry.metrics() };
  };
  await Promise.all([
    healthz !== undefined && keep("healthz", healthz, (path) => health.answer(path)),
    metrics !== undefined && keep("metrics", metrics, metricsAnswer),
  ]);
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
