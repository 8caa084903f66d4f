/** Tables of services, and a namespace to program them in, for the data plane's benchmarks. */
import { canUseNetns } from "../src/sys/capability.ts";
import type { DataPlane } from "../src/dataplane/dataplane.ts";
import { createNftablesDataPlane } from "../src/dataplane/nftables/programmer.ts";
import type { ServiceTable, VirtualPort } from "../src/dataplane/table.ts";
import { virtualPortKey } from "../src/dataplane/table.ts";
import { RouteSocket } from "../src/net/rtnetlink/route-socket.ts";
import type { TestNetns } from "../test/lab/netns.ts";
import { testNetns } from "../test/lab/netns.ts";

/** Ends the benchmark, saying why, where it cannot run. */
export function requireRoot(): void {
  if (canUseNetns()) return;
  console.log("skipped: needs root to make a network namespace");
  process.exit(0);
}

/** TCP services of one port, each with `endpoints` endpoints of its own. */
export function servicePorts(services: number, endpoints: number): VirtualPort[] {
  return Array.from({ length: services }, (_, index) => ({
    service: `default/s${index}`,
    portName: "",
    address: `10.96.${index >> 8}.${index & 255}`,
    protocol: "TCP",
    port: 80,
    backends: Array.from({ length: endpoints }, (_, n) => ({
      address: `10.${n + 1}.${index >> 8}.${index & 255}`,
      port: 8080,
    })),
  }));
}

export function tableOf(ports: readonly VirtualPort[]): ServiceTable {
  return { ports: new Map(ports.map((port) => [virtualPortKey(port), port])), ranges: ["10.96.0.0/16"] };
}

/** A namespace of its own with its loopback up. */
export async function benchNetns(role: string): Promise<TestNetns> {
  const netns = testNetns(role);
  using routes = await RouteSocket.open({ netns: netns.name });
  routes.setLink("lo", { up: true });
  return netns;
}

export function openDataPlane(netns: TestNetns): Promise<DataPlane> {
  return createNftablesDataPlane({ netns: netns.name });
}

export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

export function ascending(values: readonly number[]): number[] {
  return values.toSorted((a, b) => a - b);
}
