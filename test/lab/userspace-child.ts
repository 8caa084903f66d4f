/**
 * A process of the userspace data plane, for the tests of its restart: serves the ports of its first argument (JSON), hands
 * over at the path of its second, and ends when another has taken over and no connection is left.
 */
import { type VirtualPort, virtualPortKey } from "../../src/dataplane/table.ts";
import { createUserspaceDataPlane } from "../../src/dataplane/userspace/userspace.ts";

const [ports, handover] = process.argv.slice(2);
const list = JSON.parse(ports!) as VirtualPort[];
await using plane = createUserspaceDataPlane({ handover: handover! });
process.stdin.once("data", () => {
  const table = { ports: new Map(list.map((port) => [virtualPortKey(port), port])), ranges: [] };
  void plane.sync(table).then(({ kept }) => process.stdout.write(`serving, ${kept} taken over\n`));
});
process.stdout.write("started\n");
await plane.handedOver;
process.stdin.destroy();
process.stdout.write("handed over\n");
await plane.drained(AbortSignal.timeout(30_000));
