/** Tables of many services with one that leads to the backends of lab-traffic.ts, for the benchmarks of traffic. */
import type { ServiceTable, VirtualPort } from "../src/dataplane/table.ts";
import { servicePorts, tableOf } from "./lab-dataplane.ts";
import { BACKEND_PORT, BACKENDS, CLIENT_RANGE } from "./lab-traffic.ts";

/** The one that is connected to. */
export const measuredService: VirtualPort = {
  service: "default/measured",
  portName: "",
  address: "10.96.255.10",
  protocol: "TCP",
  port: BACKEND_PORT,
  backends: BACKENDS.map((address) => ({ address, port: BACKEND_PORT })),
};

/** `count` services of as many endpoints each, the measured one last. */
export function portsAround(count: number): VirtualPort[] {
  return [...servicePorts(count - 1, BACKENDS.length), measuredService];
}

export function servicesAround(count: number): ServiceTable {
  // Clients keep their addresses, as pods do.
  return { ...tableOf(portsAround(count)), podRanges: [CLIENT_RANGE], routedRanges: [CLIENT_RANGE] };
}
