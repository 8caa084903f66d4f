/** /metrics: what this server counts, and what node knows of the process, in Prometheus' text format. */
import { collectDefaultMetrics, Registry } from "prom-client";
import { readGauge } from "../../base/read-gauge.ts";
import type { KindCatalog } from "../../api/kind-catalog.ts";
import type { Store } from "../../store/store.ts";
import type { Request, Response } from "../http/exchange.ts";
import { createRequestMetrics, type RequestMetrics } from "./request-metrics.ts";

export interface Metrics {
  readonly requests: RequestMetrics;
  /** The answer for /metrics; undefined for another path. */
  answer(request: Pick<Request, "path">): Promise<Response | undefined>;
}

/** One for all servers of the process: its observers stay for as long as the process does. */
let ofProcess: Registry | undefined;

export function createMetrics(
  store: Pick<Store, "revision" | "compactedRevision">,
  catalog: KindCatalog,
  /** What else is told, of other parts in this process. */
  others: readonly Registry[] = [],
): Metrics {
  const register = new Registry();
  const requests = createRequestMetrics(register, catalog);
  register.registerMetric(
    readGauge("fairlead_store_revision", "Commits of the store since it was made.", () => store.revision),
  );
  register.registerMetric(
    readGauge(
      "fairlead_store_compacted_revision",
      "The commit up to which the store has forgotten what was before.",
      () => store.compactedRevision,
    ),
  );
  if (ofProcess === undefined) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
  }
  const registries = [register, ofProcess, ...others];

  return {
    requests,
    async answer({ path }) {
      if (path !== "/metrics" && path !== "/metrics/") return undefined;
      // Now, not at the start: the parts that run beside the server register theirs when they begin.
      const all = Registry.merge(registries);
      return {
        status: 200,
        headers: { "content-type": all.contentType },
        body: await all.metrics(),
        compressible: true,
      };
    },
  };
}
