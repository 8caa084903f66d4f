/** What /metrics says of requests, by kube-apiserver's names and labels (apiserver endpoints/metrics). */
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { ApiError } from "../../api/api-error.ts";
import type { Kind } from "../../api/kind.ts";
import { derivedFrom, type KindCatalog } from "../../api/kind-catalog.ts";
import { subresourcesOf } from "../../api/subresources.ts";
import type { Handler, Request, Response } from "../http/exchange.ts";
import { boolean } from "../http/query-options.ts";
import { type ResourcePath, ResourcePaths } from "../http/resource-path.ts";

/** Seconds, as upstream has them. */
const DURATIONS = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];
const SIZES = [1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072];
const RESOURCE = ["verb", "group", "version", "resource", "subresource", "scope", "component"] as const;

/** Only what is served is a label, so that nobody can make more of them by asking for things that do not exist. */
type Labels = Record<(typeof RESOURCE)[number], string>;

export interface RequestMetrics {
  /** Counts and times what `handler` does. */
  measure(handler: Handler): Handler;
  /** Counts what a watch has sent. */
  watchSent(kind: Kind, events: number, bytes: number): void;
}

export function createRequestMetrics(register: Registry, catalog: KindCatalog): RequestMetrics {
  const registers = [register];
  const total = new Counter({
    name: "apiserver_request_total",
    help: "Requests, by verb, dry run, resource, scope and HTTP status code.",
    labelNames: [...RESOURCE, "dry_run", "code"],
    registers,
  });
  const duration = new Histogram({
    name: "apiserver_request_duration_seconds",
    help: "Seconds from a request to its answer; not of watches, which end when their time is over.",
    labelNames: [...RESOURCE, "dry_run"],
    buckets: DURATIONS,
    registers,
  });
  const inflight = new Gauge({
    name: "apiserver_current_inflight_requests",
    help: "Requests that are worked on now, watches left out.",
    labelNames: ["request_kind"],
    registers,
  });
  const longrunning = new Gauge({
    name: "apiserver_longrunning_requests",
    help: "Watches that are open now.",
    labelNames: RESOURCE,
    registers,
  });
  const watchEvents = new Counter({
    name: "apiserver_watch_events_total",
    help: "Events sent to watches.",
    labelNames: ["group", "version", "resource"],
    registers,
  });
  const watchBytes = new Histogram({
    name: "apiserver_watch_events_sizes",
    help: "Bytes of the events that were sent to watches, those of one turn together.",
    labelNames: ["group", "version", "resource"],
    buckets: SIZES,
    registers,
  });
  inflight.set({ request_kind: "mutating" }, 0);
  inflight.set({ request_kind: "readOnly" }, 0);
  /** With their labels: this is asked for with each event of each watch. */
  const sent = new WeakMap<
    Kind,
    { readonly events: Counter.Internal; readonly bytes: Histogram.Internal<string> }
  >();
  const paths = derivedFrom(catalog, (kinds) => new ResourcePaths(kinds));

  return {
    measure: (handler) => async (request) => {
      const labels = labelsOf(request, paths().resolve(request.path));
      const dry = request.query.has("dryRun") ? "All" : "";
      const began = performance.now();
      const watch = labels.verb === "WATCH";
      const kind = { request_kind: isRead(request.method) ? "readOnly" : "mutating" };
      if (!watch) inflight.inc(kind);
      const finish = (code: number): void => {
        total.inc({ ...labels, dry_run: dry, code: String(code) });
        if (watch) return;
        inflight.dec(kind);
        duration.observe({ ...labels, dry_run: dry }, (performance.now() - began) / 1000);
      };
      let response: Response;
      try {
        response = await handler(request);
      } catch (error) {
        finish(error instanceof ApiError ? error.code : 500);
        throw error;
      }
      const { body, status } = response;
      if (typeof body === "string" || body instanceof Uint8Array) {
        finish(status);
        return response;
      }
      if (watch) longrunning.inc(labels);
      const ended = (): void => {
        if (watch) longrunning.dec(labels);
        finish(status);
      };
      if (!("start" in body)) return { ...response, body: untilEnd(body, ended) };
      void body.over.then(ended);
      return response;
    },

    watchSent(kind, events, bytes) {
      let of = sent.get(kind);
      if (of === undefined) {
        const { group, version, plural: resource } = kind;
        of = {
          events: watchEvents.labels({ group, version, resource }),
          bytes: watchBytes.labels({ group, version, resource }),
        };
        sent.set(kind, of);
      }
      of.events.inc(events);
      of.bytes.observe(bytes);
    },
  };
}

type Pieces = AsyncIterable<string | Uint8Array>;

/** The same pieces; calls `ended` once, when the last is taken or nobody wants more. */
function untilEnd(body: Pieces, ended: () => void): Pieces {
  return {
    [Symbol.asyncIterator]() {
      const pieces = body[Symbol.asyncIterator]();
      let open = true;
      const end = (): void => {
        if (open) ended();
        open = false;
      };
      return {
        async next() {
          try {
            const result = await pieces.next();
            if (result.done === true) end();
            return result;
          } catch (error) {
            end();
            throw error;
          }
        },
        async return() {
          end();
          await pieces.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}

function isRead(method: string): boolean {
  return method === "GET" || method === "HEAD" || method === "OPTIONS";
}

/** Methods that may be a label. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

function labelsOf(request: Request, path: ResourcePath | undefined): Labels {
  const { method, query } = request;
  const verb = METHODS.has(method) ? method : "OTHER";
  if (path === undefined) {
    // netmaster's watches, which are no requests of a certain length either.
    const watch = method === "GET" && boolean(query, "watch") === true;
    const nothing = { group: "", version: "", resource: "", subresource: "", scope: "" };
    return { verb: watch ? "WATCH" : verb, ...nothing, component: "apiserver" };
  }
  const { kind, namespace, name, subresource = "" } = path;
  return {
    verb: verbOf(verb, path, query, request.header("content-type")),
    group: kind.group,
    version: kind.version,
    resource: kind.plural,
    subresource: isServed(kind, subresource) ? subresource : "",
    scope: name !== undefined ? "resource" : namespace === undefined ? "cluster" : "namespace",
    component: "apiserver",
  };
}

function isServed(kind: Kind, subresource: string): boolean {
  return subresourcesOf(kind).some(({ name }) => name === subresource);
}

function verbOf(
  method: string,
  { name }: ResourcePath,
  query: URLSearchParams,
  mediaType: string | undefined,
): string {
  if (method === "PATCH" && mediaType?.startsWith("application/apply-patch") === true) return "APPLY";
  if (name !== undefined) return method;
  if (method === "DELETE") return "DELETECOLLECTION";
  if (method !== "GET") return method;
  return boolean(query, "watch") === true ? "WATCH" : "LIST";
}
