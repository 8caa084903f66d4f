/** What the server counts, by CoreDNS' names with our own first word (plugin/metrics, cache, forward, kubernetes). */
import { Counter, Histogram, type Registry } from "prom-client";
import { readGauge } from "../base/read-gauge.ts";
import { rcodeName, Type } from "../net/dns/constants.ts";
import type { AnswerCache } from "./answer-cache.ts";
import type { Transport } from "./responder.ts";
import type { ServerAddress } from "./resolv-conf.ts";

/** Types that are counted by name; all else is "other", so that nobody can make more labels by asking. */
const TYPES = ["A", "AAAA", "ANY", "CNAME", "HTTPS", "MX", "NS", "PTR", "SOA", "SRV", "SVCB", "TXT"] as const;
const OTHER = TYPES.length;
const RCODES = 17;
/** Seconds. */
const FORWARD_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const PROGRAMMING_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Counting one question must cost next to nothing: numbers in an array, turned into metrics when somebody reads them. */
export class DnsMetrics {
  readonly #requests = new Float64Array(2 * (OTHER + 1));
  readonly #responses = new Float64Array(2 * RCODES);
  readonly #typeIndex = new Uint8Array(0x1_0000).fill(OTHER);
  readonly #dropped = new Float64Array(2);
  #forward: Histogram | undefined;
  #programming: Histogram | undefined;

  constructor() {
    for (const [i, name] of TYPES.entries()) this.#typeIndex[Type[name]] = i;
  }

  /** A question that was answered. */
  answered(transport: Transport, type: number, rcode: number): void {
    const at = transport === "udp" ? 0 : 1;
    this.#requests[at * (OTHER + 1) + this.#typeIndex[type]!]!++;
    this.#responses[at * RCODES + Math.min(rcode, RCODES - 1)]!++;
  }

  /** A message that got no answer. */
  dropped(transport: Transport): void {
    this.#dropped[transport === "udp" ? 0 : 1]!++;
  }

  forwarded(to: ServerAddress, seconds: number, outcome: number | "error"): void {
    const rcode = outcome === "error" ? outcome : rcodeName(outcome);
    this.#forward?.observe({ to: `${to.address}:${to.port}`, rcode }, seconds);
  }

  /** Endpoints of a headless Service changed so many seconds ago, and now the answers say so. */
  programmed(seconds: number): void {
    this.#programming?.observe({ service_kind: "headless_with_selector" }, seconds);
  }

  /** Once. */
  register(
    registry: Registry,
    parts: { readonly cache?: AnswerCache; readonly records: () => number },
  ): void {
    const registers = [registry];
    const protos = ["udp", "tcp"] as const;
    const counter = (
      name: string,
      help: string,
      labelNames: string[],
      collect: (counter: Counter) => void,
    ): void => {
      registry.registerMetric(
        new Counter({
          name,
          help,
          labelNames,
          registers: [],
          collect() {
            this.reset();
            collect(this);
          },
        }),
      );
    };
    counter("fairlead_dns_requests_total", "Questions that were answered.", ["proto", "type"], (counter) => {
      for (const [at, proto] of protos.entries())
        for (const [i, type] of [...TYPES, "other"].entries())
          counter.inc({ proto, type }, this.#requests[at * (OTHER + 1) + i]);
    });
    counter("fairlead_dns_responses_total", "Answers by their rcode.", ["proto", "rcode"], (counter) => {
      for (const [at, proto] of protos.entries())
        for (let rcode = 0; rcode < RCODES; rcode++) {
          const count = this.#responses[at * RCODES + rcode]!;
          if (count > 0) counter.inc({ proto, rcode: rcodeName(rcode) }, count);
        }
    });
    counter("fairlead_dns_dropped_total", "Messages that are no questions.", ["proto"], (counter) => {
      for (const [at, proto] of protos.entries()) counter.inc({ proto }, this.#dropped[at]);
    });
    const { cache, records } = parts;
    if (cache !== undefined) {
      counter(
        "fairlead_dns_cache_hits_total",
        "Names outside of the cluster answered from the cache.",
        [],
        (counter) => counter.inc(cache.hits),
      );
      counter("fairlead_dns_cache_misses_total", "Names outside that were not in the cache.", [], (counter) =>
        counter.inc(cache.misses),
      );
      registry.registerMetric(
        readGauge("fairlead_dns_cache_entries", "Answers in the cache.", () => cache.size),
      );
    }
    registry.registerMetric(readGauge("fairlead_dns_records", "Records of the cluster.", records));
    this.#forward = new Histogram({
      name: "fairlead_dns_forward_request_duration_seconds",
      help: "Seconds that a resolver took for an answer, by its address and the answer's rcode.",
      labelNames: ["to", "rcode"],
      buckets: FORWARD_BUCKETS,
      registers,
    });
    this.#programming = new Histogram({
      name: "fairlead_dns_programming_duration_seconds",
      help: "Seconds from a change of a headless Service's endpoints to the answers that say so.",
      labelNames: ["service_kind"],
      buckets: PROGRAMMING_BUCKETS,
      registers,
    });
  }
}
