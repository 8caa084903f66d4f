/**
 * Why services are data and not verdicts (docs/decisions/0003-nftables-shape.md): one endpoint added to a service, with
 * the number of endpoints in a data map that a small verdict map is looked up by, against a verdict map by service.
 */
import type { Command, SetDefinition } from "../src/net/nftables/model.ts";
import { NetlinkPort } from "../src/dataplane/nftables/netlink-port.ts";
import { numberedKey, portKey } from "../src/dataplane/nftables/keys.ts";
import { rules } from "../src/dataplane/nftables/ruleset.ts";
import { setReference } from "../src/dataplane/nftables/sets.ts";
import type { VirtualPort } from "../src/dataplane/table.ts";
import {
  ascending,
  benchNetns,
  openDataPlane,
  percentile,
  requireRoot,
  servicePorts,
  tableOf,
} from "./lab-dataplane.ts";

requireRoot();

const ROUNDS = 100;

const verdicts: SetDefinition = {
  ...setReference("verdicts4", "verdict map"),
  keyTypes: ["ipv4_addr", "inet_proto", "inet_service"],
  keyLength: 12,
  flags: {},
};
const goto = (slots: number) => ({ verdict: { code: "goto", chain: `of-${slots}` } as const });
/** by-picker has the chains of four and five under 3 and 4, as they were made. */
const count = (slots: number) => ({ data: Uint8Array.of(slots - 1, 0, 0, 0) });

/** Four endpoints become five, or (removed) five become four. */
function change(port: VirtualPort, isRemoved: boolean, shape: "data" | "verdicts"): Command[] {
  const key = portKey(port);
  const slots = isRemoved ? 4 : 5;
  const set = shape === "data" ? setReference("pickers4", "map") : verdicts;
  const data = Uint8Array.of(10, 200, 0, 1, 31, 144, 0, 0);
  const endpoints = {
    set: setReference("endpoints4", "map"),
    elements: [{ key: numberedKey(key, 4), data }],
  };
  return [
    { op: "delete elements", set, elements: [{ key }] },
    { op: "add elements", set, elements: [{ key, ...(shape === "data" ? count(slots) : goto(slots)) }] },
    isRemoved ? { op: "delete elements", ...endpoints } : { op: "add elements", ...endpoints },
  ];
}

console.log("services  data map p50   verdict map p50   data is");
for (const services of [10, 1000, 10_000]) {
  const ports = servicePorts(services, 4);
  using netns = await benchNetns("shape");
  {
    await using dataPlane = await openDataPlane(netns);
    await dataPlane.sync(tableOf(ports));
    // Makes the chain of five.
    const first = ports[0]!;
    await dataPlane.apply({
      set: [{ ...first, backends: [...first.backends, { address: "10.200.0.1", port: 8080 }] }],
      remove: [],
    });
    await dataPlane.apply({ set: [first], remove: [] });
  }
  using kernel = await NetlinkPort.open(netns.name);
  const dispatch = rules.find(
    ({ chain, comment }) => chain === "services" && comment?.startsWith("the mark") === true,
  )!;
  kernel.commit([
    { op: "add set", set: verdicts },
    {
      op: "add rule",
      rule: {
        ...dispatch,
        expressions: [
          ...dispatch.expressions.slice(0, 5),
          { type: "lookup", set: verdicts.name, sreg: 8, dreg: 0 },
        ],
      },
    },
    {
      op: "add elements",
      set: verdicts,
      elements: ports.map((port) => ({ key: portKey(port), ...goto(4) })),
    },
  ]);
  const times = { data: [] as number[], verdicts: [] as number[] };
  for (let round = 0; round < ROUNDS; round++)
    for (const shape of ["data", "verdicts"] as const)
      for (const isRemoved of [false, true]) {
        const commands = change(ports[round % services]!, isRemoved, shape);
        const started = process.hrtime.bigint();
        kernel.commit(commands);
        times[shape].push(Number(process.hrtime.bigint() - started) / 1000);
      }
  const [data, verdict] = [
    percentile(ascending(times.data), 0.5),
    percentile(ascending(times.verdicts), 0.5),
  ];
  console.log(
    `${String(services).padEnd(9)} ${`${data.toFixed(0)} µs`.padEnd(14)} ${`${verdict.toFixed(0)} µs`.padEnd(17)} 1/${(verdict / data).toFixed(0)}`,
  );
}
