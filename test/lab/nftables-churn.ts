/** Changes one service as fast as it can until it is killed: argument 1 is the namespace. */
import { createNftablesDataPlane } from "../../src/dataplane/nftables/programmer.ts";
import type { VirtualPort } from "../../src/dataplane/table.ts";
import { virtualPortKey } from "../../src/dataplane/table.ts";

/** State `n` has 1 to 7 endpoints, all with the port 1000 + n. */
function state(n: number): VirtualPort {
  const backends = Array.from({ length: 1 + (n % 7) }, (_, index) => ({
    address: `10.1.0.${index}`,
    port: 1000 + n,
  }));
  return { service: "default/s", portName: "", address: "10.96.0.1", protocol: "TCP", port: 80, backends };
}

const dataPlane = await createNftablesDataPlane({ netns: process.argv[2]! });
const first = state(0);
await dataPlane.sync({ ports: new Map([[virtualPortKey(first), first]]), ranges: ["10.96.0.0/16"] });
process.send?.("ready");
for (let n = 1; ; n = (n + 1) % 50_000) await dataPlane.apply({ set: [state(n)], remove: [] });
