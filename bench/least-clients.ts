/**
 * What balance least-clients costs beside round robin, with and without affinity: the first packet of each of many new
 * clients, the first packet of a connection of a client that is known, and further packets of connections; and what the agent's
 * process takes for each new client. UDP; processor time. Needs root. ROUNDS (7), CLIENTS (5,000 a round).
 */
import { setTimeout as delay } from "node:timers/promises";
import { NetlinkPort } from "../src/dataplane/nftables/netlink-port.ts";
import type { VirtualPort } from "../src/dataplane/table.ts";
import { ConntrackFamily } from "../src/net/conntrack/model.ts";
import { startLabAgent } from "./lab-agent.ts";
import { requireRoot } from "./lab-dataplane.ts";
import { datagramLab, SENDERS, SINK_PORT, SINKS, VIRTUAL_RANGE } from "./lab-datagrams.ts";
import { median } from "./lab-traffic.ts";

requireRoot();

const ROUNDS = Number(process.env["ROUNDS"] ?? 7);
const CLIENTS = Number(process.env["CLIENTS"] ?? 5000);

using lab = await datagramLab();
const { node } = lab;

const backends = SINKS.map((address) => ({ address, port: SINK_PORT, local: true }));
const NAMES = ["round-robin", "round-robin, ClientIP", "least-clients"] as const;
type Name = (typeof NAMES)[number];
const services = Object.fromEntries(
  NAMES.map((name, at): [string, VirtualPort] => [
    name,
    {
      service: `default/s${at}`,
      portName: "",
      address: `10.96.0.${10 + at}`,
      protocol: "UDP",
      port: SINK_PORT,
      balance: name === "least-clients" ? "least-clients" : "round-robin",
      ...(name.endsWith("ClientIP") && { affinity: 10_800 }),
      backends,
    },
  ]),
) as Record<Name, VirtualPort>;

await using agent = await startLabAgent(node, {
  ports: Object.values(services),
  ranges: [VIRTUAL_RANGE],
  podRanges: [SENDERS],
  routedRanges: [SENDERS],
});
using kernel = await NetlinkPort.open(node);

const sendFrom = (name: Name, first: number, sourcePort: number): number =>
  lab.send(services[name].address, first, CLIENTS, sourcePort);

const WHAT = ["first packet of a new client", "new connection of a known client", "further packet"] as const;
const times = new Map<string, number[]>();
const cpu = new Map<Name, number[]>();
const keep = <K>(map: Map<K, number[]>, key: K, value: number): void =>
  void map.set(key, [...(map.get(key) ?? []), value]);

let next = 1;
for (let round = -1; round < ROUNDS; round++)
  for (const name of round % 2 === 0 ? NAMES : NAMES.toReversed()) {
    const before = await agent.use();
    const took = [sendFrom(name, next, 1000)];
    // Until the agent has taken in all of them.
    await delay(300);
    const { seconds } = await agent.use();
    took.push(sendFrom(name, next, 1001), sendFrom(name, next, 1001));
    kernel.forget(kernel.connections(ConntrackFamily.ipv4, {}));
    next += CLIENTS;
    if (round < 0) continue;
    for (const [at, what] of WHAT.entries()) keep(times, `${what} ${name}`, took[at]!);
    keep(cpu, name, ((seconds - before.seconds) * 1e6) / CLIENTS);
  }

console.log(
  `${CLIENTS} new clients of each a round, ${ROUNDS} rounds; processor time of a packet's whole way, medians:`,
);
const [alone, other] = NAMES;
for (const what of WHAT) {
  console.log(what);
  for (const name of NAMES) {
    const own = times.get(`${what} ${name}`)!;
    const ratio = (to: Name): string => {
      const ratios = own.map((time, round) => time / times.get(`${what} ${to}`)![round]!);
      return `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)}) of ${to}`;
    };
    console.log(
      `  ${name.padEnd(22)} ${median(own).toFixed(1).padStart(5)} µs, ${ratio(alone)}, ${ratio(other)}`,
    );
  }
}
console.log("the agent's processor for each new client");
for (const name of NAMES)
  console.log(`  ${name.padEnd(22)} ${median(cpu.get(name)!).toFixed(1).padStart(5)} µs`);
