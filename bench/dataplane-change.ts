/**
 * One endpoint changed among 10, 1,000 and 10,000 services of four: from the call of apply() to the commit, against the
 * same elements written by `nft -f` into an equal table. Interleaved; nft runs less often, because it takes longer.
 */
import type { VirtualPort } from "../src/dataplane/table.ts";
import { nftScript } from "../test/lab/nft.ts";
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

const ROUNDS = 30;
const OURS_PER_ROUND = 40;

interface Change {
  readonly name: string;
  /** The port as it is before the change and after; both directions are the same kind of change or are not timed. */
  readonly before: (port: VirtualPort) => VirtualPort;
  readonly after: (port: VirtualPort, n: number) => VirtualPort;
  /** What nft is given for it. */
  readonly script: (port: VirtualPort, n: number) => string;
  readonly undo?: (port: VirtualPort, n: number) => string;
}

/** An endpoint that no service has, a new one each time. */
const newcomer = (n: number): { address: string; port: number } => ({
  address: `10.200.${(n >> 8) & 255}.${n & 255}`,
  port: 8080,
});

const element = ({ address }: VirtualPort, slot: number): string => `${address} . tcp . 80 . 0x${slot}`;
/** By-picker has the chains of four and five under 3 and 4, as they are made. */
const slots = ({ address }: VirtualPort): string => `${address} . tcp . 80`;
const line = (verb: "add" | "delete", set: string, what: string): string =>
  `${verb} element inet fairlead ${set} { ${what} }\n`;
const self = (verb: "add" | "delete", address: string): string =>
  line(verb, "self4", `${address} . ${address}`);
const same = (port: VirtualPort): VirtualPort => port;

function addScript(port: VirtualPort, n: number): string {
  const { address } = newcomer(n);
  return (
    line("delete", "pickers4", slots(port)) +
    line("add", "pickers4", `${slots(port)} : 0x4`) +
    line("add", "endpoints4", `${element(port, 4)} : ${address} . 8080`) +
    self("add", address)
  );
}

function removeScript(port: VirtualPort, n: number): string {
  return (
    line("delete", "pickers4", slots(port)) +
    line("add", "pickers4", `${slots(port)} : 0x3`) +
    line("delete", "endpoints4", element(port, 4)) +
    self("delete", newcomer(n).address)
  );
}

function replaceScript(port: VirtualPort, from: string, to: string): string {
  return (
    line("delete", "endpoints4", element(port, 3)) +
    line("add", "endpoints4", `${element(port, 3)} : ${to} . 8080`) +
    self("delete", from) +
    self("add", to)
  );
}

const changes: Change[] = [
  {
    name: "replace",
    before: same,
    after: (port, n) => ({ ...port, backends: [...port.backends.slice(0, 3), newcomer(n)] }),
    script: (port, n) => replaceScript(port, port.backends[3]!.address, newcomer(n).address),
    undo: (port, n) => replaceScript(port, newcomer(n).address, port.backends[3]!.address),
  },
  {
    name: "add",
    before: same,
    after: (port, n) => ({ ...port, backends: [...port.backends, newcomer(n)] }),
    script: addScript,
    undo: removeScript,
  },
  {
    name: "remove",
    before: (port) => ({ ...port, backends: [...port.backends, newcomer(0)] }),
    after: same,
    script: (port) => removeScript(port, 0),
    undo: (port) => addScript(port, 0),
  },
];

console.log("services  change     ours p50    p99        nft -f p50   p99         ours is");
for (const services of [10, 1000, 10_000]) {
  const ports = servicePorts(services, 4);
  using ourNetns = await benchNetns("ours");
  using theirNetns = await benchNetns("nft");
  await using ours = await openDataPlane(ourNetns);
  await ours.sync(tableOf(ports));
  {
    await using loader = await openDataPlane(theirNetns);
    // With a chain of five endpoints, for the changes to come.
    await loader.sync(
      tableOf([...ports.slice(1), { ...ports[0]!, backends: [...ports[0]!.backends, newcomer(0)] }]),
    );
    await loader.apply({ set: [ports[0]!], remove: [] });
  }
  for (const { name, before, after, script, undo } of changes) {
    const ourTimes: number[] = [];
    const theirTimes: number[] = [];
    for (let round = -3; round < ROUNDS; round++) {
      for (let n = 0; n < OURS_PER_ROUND; n++) {
        const port = ports[(round + 3 + n * 31) % services]!;
        await ours.apply({ set: [before(port)], remove: [] });
        const delta = { set: [after(port, n)], remove: [] };
        const started = process.hrtime.bigint();
        await ours.apply(delta);
        const took = Number(process.hrtime.bigint() - started) / 1000;
        await ours.apply({ set: [port], remove: [] });
        if (round >= 0) ourTimes.push(took);
        // The kernel's news of our own commits is read on the event loop, as in a running agent.
        await new Promise(setImmediate);
      }
      const port = ports[(round + 3) % services]!;
      if (name === "remove") nftScript(theirNetns.name, undo!(port, round + 3));
      const started = process.hrtime.bigint();
      nftScript(theirNetns.name, script(port, round + 3));
      if (round >= 0) theirTimes.push(Number(process.hrtime.bigint() - started) / 1000);
      if (name !== "remove") nftScript(theirNetns.name, undo!(port, round + 3));
    }
    const [a, b] = [ascending(ourTimes), ascending(theirTimes)];
    const cells = [
      String(services).padEnd(9),
      name.padEnd(10),
      `${percentile(a, 0.5).toFixed(0)} µs`.padEnd(11),
      `${percentile(a, 0.99).toFixed(0)} µs`.padEnd(10),
      `${(percentile(b, 0.5) / 1000).toFixed(1)} ms`.padEnd(12),
      `${(percentile(b, 0.99) / 1000).toFixed(1)} ms`.padEnd(11),
      `1/${(percentile(b, 0.5) / percentile(a, 0.5)).toFixed(0)} of nft -f`,
    ];
    console.log(cells.join(" "));
  }
}
