/** What the kernel's tables tell of themselves when somebody asks for metrics: packets turned away, and how full maps are. */
import { Counter, Gauge, type Registry } from "prom-client";
import { type Log, silentLog } from "../base/log.ts";
import type { NftablesDataPlaneControls } from "../dataplane/nftables/controls.ts";

export type KernelReadings = Pick<NftablesDataPlaneControls, "readCounters" | "readMapFill">;

/** `readings` is asked each time; undefined: there is no kernel's part, or not yet. */
export function registerKernelMetrics(
  registry: Registry,
  readings: () => KernelReadings | undefined,
  log: Log = silentLog,
): void {
  /** A kernel that cannot be read leaves the other metrics readable. */
  const read = <T>(ask: (from: KernelReadings) => T, use: (value: T) => void): void => {
    const from = readings();
    if (from === undefined) return;
    try {
      use(ask(from));
    } catch (err) {
      log.warn({ err }, "the kernel's counters cannot be read");
    }
  };

  registry.registerMetric(
    new Counter({
      name: "fairlead_rejected_packets_total",
      help: "Packets to Services that were turned away: refused (no such endpoint, port or address), discarded (a policy Local without endpoints here), not_allowed (by their source).",
      labelNames: ["verdict"],
      registers: [],
      collect() {
        read(
          (from) => from.readCounters(),
          ({ refused, discarded, notAllowed }) => {
            // The kernel counts: this is set to what it says.
            this.reset();
            this.inc({ verdict: "refused" }, refused);
            this.inc({ verdict: "discarded" }, discarded);
            this.inc({ verdict: "not_allowed" }, notAllowed);
          },
        );
      },
    }),
  );
  const limit = new Gauge({
    name: "fairlead_map_limit",
    help: "Elements that fit into a map of the data plane, where that is less than memory has room for.",
    labelNames: ["map"],
    registers: [],
  });
  registry.registerMetric(
    new Gauge({
      name: "fairlead_map_elements",
      help: "Elements of the data plane's maps.",
      labelNames: ["map"],
      registers: [],
      collect() {
        read(
          (from) => from.readMapFill(),
          (maps) => {
            for (const { name: map, elements, limit: most } of maps) {
              this.set({ map }, elements);
              if (most !== undefined) limit.set({ map }, most);
            }
          },
        );
      },
    }),
  );
  registry.registerMetric(limit);
}
