/**
 * healthCheckNodePort: an HTTP server for each Service that wants one, which tells load balancers whether this node
 * has endpoints of it (kube-proxy, pkg/proxy/healthcheck/service_health.go: the same answers).
 */
import type { HealthCheck, HealthCheckPorts } from "../dataplane/health-check-ports.ts";
import { backoffDelay, type BackoffOptions, pause } from "../base/backoff.ts";
import { type Log, silentLog } from "../base/log.ts";
import { type HttpAnswer, type HttpListener, listenHttp } from "./http-listener.ts";

export interface HealthCheckServersOptions {
  /** Where the ports are opened. */
  readonly netns: string | undefined;
  /** Whether programming is not stuck: an endpoint that is not programmed helps nobody. */
  readonly healthy: () => boolean;
  /** A port could not be opened, and is tried again. Called once for each time a Service gets a port. */
  readonly onFailure: (service: string, port: number, error: Error) => void;
  readonly log?: Log;
  /** Closes all. */
  readonly signal: AbortSignal;
  /** Between attempts to open a port. @default {1 s doubling to 30 s} */
  readonly backoff?: BackoffOptions;
}

export interface HealthCheckServers {
  /** The ports that are to be open, all of them. Opens and closes what differs; counts are taken over at once. */
  set(wanted: HealthCheckPorts): void;
  /** Resolves when what was set is open, or was tried. */
  settled(): Promise<void>;
}

export function createHealthCheckServers(options: HealthCheckServersOptions): HealthCheckServers {
  const { netns, healthy, onFailure, log = silentLog, signal } = options;
  const { backoff = { initial: 1000, limit: 30_000 } } = options;
  const open = new Map<number, OpenPort>();

  /** Opens the port, again and again if it must, and closes it when `ended` aborts. */
  async function keep(port: number, service: string, ended: AbortSignal, tried: () => void): Promise<void> {
    for (let failures = 0; !ended.aborted;)
      try {
        closeWith(await listenHttp({ host: undefined, port, netns }, () => answer(port)), ended);
        log.info({ service, port }, "serving the health check of a Service");
        break;
      } catch (err) {
        if (failures++ === 0) onFailure(service, port, err as Error);
        log.warn({ err, service, port }, "the health check port cannot be opened, trying again");
        tried();
        await pause(backoffDelay(failures, backoff), ended);
      }
    tried();
  }

  function answer(port: number): HttpAnswer | undefined {
    const check = open.get(port)?.check;
    if (check === undefined) return undefined;
    const [namespace, name] = check.service.split("/");
    const { localEndpoints } = check;
    const serviceProxyHealthy = healthy();
    return {
      status: localEndpoints > 0 && serviceProxyHealthy ? 200 : 503,
      // How many endpoints: load balancers that weigh their targets read it.
      headers: { "x-load-balancing-endpoint-weight": String(localEndpoints) },
      body: JSON.stringify({ service: { namespace, name }, localEndpoints, serviceProxyHealthy }),
    };
  }

  function start(port: number, check: HealthCheck): OpenPort {
    const end = new AbortController();
    const { promise, resolve } = Promise.withResolvers<void>();
    void keep(port, check.service, AbortSignal.any([signal, end.signal]), resolve);
    return { check, end, tried: promise };
  }

  return {
    set(wanted) {
      for (const [port, { end, check }] of open) {
        if (wanted.get(port)?.service === check.service) continue;
        end.abort();
        open.delete(port);
      }
      for (const [port, check] of wanted) {
        const there = open.get(port);
        if (there === undefined) open.set(port, start(port, check));
        else there.check = check;
      }
    },
    async settled() {
      await Promise.all(Array.from(open.values(), ({ tried }) => tried));
    },
  };
}

interface OpenPort {
  check: HealthCheck;
  readonly end: AbortController;
  /** Resolves when it is open, or an attempt failed. */
  readonly tried: Promise<void>;
}

function closeWith(listener: HttpListener, ended: AbortSignal): void {
  const close = (): void => listener[Symbol.dispose]();
  if (ended.aborted) close();
  else ended.addEventListener("abort", close, { once: true });
}
