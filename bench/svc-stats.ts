/**
 * What it costs connections that their ends are heard of, as they are while /svcstats counts: a UDP connection of one packet
 * begun and ended, with and without, in turn; and the agent's processor time for each. "Past" are connections to the backend
 * itself, of which nothing is to be told. Processor time. Needs root. ROUNDS (9), CONNECTIONS (10,000 a round).
 */
import { setTimeout as delay } from "node:timers/promises";
import type { VirtualPort } from "../src/dataplane/table.ts";
import { IPCTNL_MSG_CT, NFNL_SUBSYS_CTNETLINK } from "../src/net/conntrack/constants.ts";
import { NetlinkWriter } from "../src/net/netlink/writer.ts";
import { NLM_F_ACK, NLM_F_REQUEST } from "../src/sys/netlink-message.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "../src/sys/netlink-socket.ts";
import { writeSysctl } from "../src/sys/sysctl.ts";
import { startLabAgent } from "./lab-agent.ts";
import { requireRoot } from "./lab-dataplane.ts";
import { datagramLab, SENDERS, SINK_PORT, SINKS, VIRTUAL_RANGE } from "./lab-datagrams.ts";
import { median } from "./lab-traffic.ts";

requireRoot();

const ROUNDS = Number(process.env["ROUNDS"] ?? 9);
const CONNECTIONS = Number(process.env["CONNECTIONS"] ?? 10_000);

const service: VirtualPort = {
  service: "default/measured",
  portName: "",
  address: "10.96.0.10",
  protocol: "UDP",
  port: SINK_PORT,
  backends: SINKS.map((address) => ({ address, port: SINK_PORT, local: true })),
};

using lab = await datagramLab();
writeSysctl("net/netfilter/nf_conntrack_acct", 1, lab.node);
await using agent = await startLabAgent(lab.node, {
  ports: [service],
  ranges: [VIRTUAL_RANGE],
  podRanges: [SENDERS],
  routedRanges: [SENDERS],
});
using socket = await NetlinkSocket.open(NETLINK_NETFILTER, { netns: lab.node });

/** Microseconds of processor for each of the connections: the kernel deletes all, and tells of each who listens. */
function endAll(): number {
  // A deletion without a tuple is one of everything. struct nfgenmsg: no family.
  const type = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT.DELETE;
  const request = new NetlinkWriter(64)
    .startMessage(type, NLM_F_REQUEST | NLM_F_ACK)
    .rawU8(0)
    .zeros(3)
    .endMessage()
    .finish();
  const before = process.threadCpuUsage();
  socket.transact(request);
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / CONNECTIONS;
}

interface Round {
  /** Microseconds of processor to begin a connection, to end it, and of the agent's. */
  readonly begin: number;
  readonly end: number;
  readonly agent: number;
  /** Ends heard of, for each connection. */
  readonly heard: number;
}

let port = 1024;

async function round(isListening: boolean, address: string): Promise<Round> {
  await agent.listen(isListening);
  const before = await agent.use();
  const begin = lab.send(address, 0, CONNECTIONS, port++);
  const end = endAll();
  await delay(500);
  const after = await agent.use();
  return {
    begin,
    end,
    agent: ((after.seconds - before.seconds) * 1e6) / CONNECTIONS,
    heard: (after.ends - before.ends) / CONNECTIONS,
  };
}

for (const [what, address] of [
  ["through a virtual IP", service.address],
  ["past all virtual IPs", SINKS[0]],
] as const) {
  const rounds: Record<"unheard" | "heard of", Round[]> = { unheard: [], "heard of": [] };
  for (let at = -2; at < ROUNDS; at++)
    for (const name of at % 2 === 0
      ? (["unheard", "heard of"] as const)
      : (["heard of", "unheard"] as const)) {
      const one = await round(name === "heard of", address);
      if (at >= 0) rounds[name].push(one);
    }
  const ratios = rounds["heard of"].map((one, at) => {
    const other = rounds.unheard[at]!;
    return (one.begin + one.end) / (other.begin + other.end);
  });
  console.log(
    `a connection ${what}, begun and ended: ${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)}) ` +
      `of what it costs when nobody hears of its end`,
  );
  for (const [name, all] of Object.entries(rounds)) {
    const of = (part: keyof Round): number => median(all.map((one) => one[part]));
    console.log(
      `  ${name.padEnd(9)} begin ${of("begin").toFixed(2)} µs, end ${of("end").toFixed(2)} µs, the agent ${of("agent").toFixed(2)} µs ` +
        `(at 20,000 a second ${(of("agent") * 2).toFixed(1)} % of a processor), ${of("heard").toFixed(2)} ends told`,
    );
  }
}
