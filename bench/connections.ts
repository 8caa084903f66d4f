/**
 * One look at 100,000 connections of 1,000 services (`fairlead top`, and the metrics of connections), against
 * `conntrack -L`; and how long the event loop stands still meanwhile. Needs root and conntrack.
 */
import { spawnSync } from "node:child_process";
import { createConnectionAccounting } from "../src/dataplane/connections/accounting.ts";
import { openConntrackTable } from "../src/dataplane/connections/conntrack-table.ts";
import { CTA } from "../src/net/conntrack/constants.ts";
import { NetlinkWriter } from "../src/net/netlink/writer.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "../src/sys/netlink-socket.ts";
import { callInNetns } from "../src/sys/netns.ts";
import { benchNetns, percentile, ascending, requireRoot, servicePorts } from "./lab-dataplane.ts";

requireRoot();

const CONNECTIONS = Number(process.env["CONNECTIONS"] ?? 100_000);
const SERVICES = 1000;
const ROUNDS = Number(process.env["ROUNDS"] ?? 7);

/** NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE. */
const CREATE = 0x1 | 0x4 | 0x400;
/** IPCTNL_MSG_CT_NEW of NFNL_SUBSYS_CTNETLINK. */
const NEW = 0x100;
const CTA_NAT_DST = 13;
/** IPS_SEEN_REPLY | IPS_ASSURED | IPS_CONFIRMED. */
const STATUS = 0x2 | 0x4 | 0x8;
const TCP_ESTABLISHED = 3;

/** Asks ctnetlink to make an established connection to service `s`, translated to its endpoint `e`. */
function createConnection(writer: NetlinkWriter, n: number): void {
  const s = n % SERVICES;
  const endpoint = Uint8Array.of(10, 1 + (Math.floor(n / SERVICES) % 4), s >> 8, s & 255);
  const virtual = Uint8Array.of(10, 96, s >> 8, s & 255);
  const client = Uint8Array.of(192, 168, 1, 1 + (n >> 15));
  const port = 1024 + (n & 0x7fff);
  writer.startMessage(NEW, CREATE).rawU8(2).zeros(3);
  const tuple = (type: number, from: Uint8Array, fromPort: number, to: Uint8Array, toPort: number): void => {
    writer.startNested(type).startNested(1).bytes(1, from).bytes(2, to).endNested();
    writer.startNested(2).u8(1, 6).u16be(2, fromPort).u16be(3, toPort).endNested().endNested();
  };
  tuple(CTA.TUPLE_ORIG, client, port, virtual, 80);
  // Not yet translated: the kernel does that itself, and notes it in the status.
  tuple(CTA.TUPLE_REPLY, virtual, 80, client, port);
  writer.u32be(CTA.STATUS, STATUS).u32be(CTA.TIMEOUT, 600);
  writer.startNested(CTA.PROTOINFO).startNested(1).u8(1, TCP_ESTABLISHED).endNested().endNested();
  writer.startNested(CTA_NAT_DST).bytes(1, endpoint).bytes(2, endpoint);
  writer.startNested(3).u16be(1, 8080).u16be(2, 8080).endNested().endNested();
  writer.endMessage();
}

using netns = await benchNetns("connections");
{
  using socket = await NetlinkSocket.open(NETLINK_NETFILTER, { netns: netns.name });
  for (let at = 0; at < CONNECTIONS; at += 1000) {
    const writer = new NetlinkWriter(256 * 1024);
    for (let n = at; n < Math.min(at + 1000, CONNECTIONS); n++) createConnection(writer, n);
    socket.transact(writer.finish());
  }
}

using table = await openConntrackTable(netns.name);
const accounting = createConnectionAccounting();
accounting.setPorts(servicePorts(SERVICES, 4));
let stall = 0;
const looks: number[] = [];
const theirs: number[] = [];
for (let round = -2; round < ROUNDS; round++) {
  let last = performance.now();
  const tick = (): void => {
    stall = round < 0 ? 0 : Math.max(stall, performance.now() - last);
    last = performance.now();
  };
  const ticking = setInterval(tick, 1);
  let started = performance.now();
  const { counted } = await table.look(accounting);
  // The kernel tells connections apart by 32 bits: a few of 100,000 look like another.
  if (counted < 0.999 * CONNECTIONS) throw new Error(`${counted} of ${CONNECTIONS} connections were counted`);
  if (round >= 0) looks.push(performance.now() - started);
  tick();
  clearInterval(ticking);
  started = performance.now();
  const { status } = callInNetns(netns.name, () =>
    spawnSync("conntrack", ["-L", "-g"], { stdio: ["ignore", "ignore", "ignore"] }),
  );
  if (status !== 0) throw new Error("conntrack -L failed: is Debian's package conntrack installed?");
  if (round >= 0) theirs.push(performance.now() - started);
}
const median = (values: number[]): number => percentile(ascending(values), 0.5);
const range = (values: number[]): string =>
  `${Math.min(...values).toFixed(0)}-${Math.max(...values).toFixed(0)}`;
console.log(
  `a look at ${CONNECTIONS} connections of ${SERVICES} services: ${median(looks).toFixed(0)} ms (${range(looks)}), ` +
    `${(median(looks) / median(theirs)).toFixed(2)} of conntrack -L -g, ${median(theirs).toFixed(0)} ms (${range(theirs)}); ` +
    `the event loop stood still for ${stall.toFixed(0)} ms at the most`,
);
