/** A Prometheus gauge whose value is read when somebody asks for it. */
import { Gauge } from "prom-client";

/** In no registry yet. */
export function readGauge(name: string, help: string, read: () => number): Gauge {
  return new Gauge({
    name,
    help,
    registers: [],
    collect() {
      this.set(read());
    },
  });
}
