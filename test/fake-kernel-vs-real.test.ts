/**
 * The fake kernel against the real one: random tables, programmed by the real plan into a namespace and into the
 * fake, and random packets sent for real. What becomes of each must be one of the fake's outcomes, and where the
 * rules pick at random every outcome of the fake must be seen.
 *
 * FAIRLEAD_SEED chooses the cases, FAIRLEAD_TABLES how many tables (60 packets each). Needs root.
 */
import assert from "node:assert/strict";
import { performance } from "node:perf_hooks";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { tableCommands } from "../src/dataplane/fake/copy-table.ts";
import { createFakeDataPlane } from "../src/dataplane/fake/fake-data-plane.ts";
import { FakeKernel } from "../src/dataplane/fake/kernel.ts";
import type { Arrival, Fate } from "../src/dataplane/fake/packet-trace.ts";
import { formatFate } from "../src/dataplane/fake/packet-trace.ts";
import type { Packet } from "../src/dataplane/fake/packet.ts";
import { NetlinkPort } from "../src/dataplane/nftables/netlink-port.ts";
import { TABLE_NAME } from "../src/dataplane/nftables/ruleset.ts";
import { createNftablesDataPlane } from "../src/dataplane/nftables/programmer.ts";
import type { Backend, ServiceTable, TableDelta } from "../src/dataplane/table.ts";
import { virtualPortKey } from "../src/dataplane/table.ts";
import { traceConnection } from "../src/dataplane/trace.ts";
import { Family } from "../src/net/nftables/model.ts";
import type { PacketCase, TableCase } from "./lab/packet-cases.ts";
import { CaseMaker, seededRandom, serviceTable } from "./lab/packet-cases.ts";
import type { Difference } from "./lab/packet-compare.ts";
import { formatDifference, formatFates, TwinKernels } from "./lab/packet-compare.ts";
import { LAB_HOST, PacketLab } from "./lab/packet-io.ts";
import { needsNetns } from "./lab/netns.ts";

const skip = needsNetns();
const seed = Number(process.env["FAIRLEAD_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
const TABLES = Number(process.env["FAIRLEAD_TABLES"] ?? 100);
const PACKETS = 60;
/** Each of n equally likely outcomes is missed in 30 n packets once in 10^12 times. */
const PATIENCE = 30;

/** Source ports, another for each packet, so that each is a connection of its own. */
class SourcePorts {
  #next = 1024;

  take(): number {
    return this.#next++;
  }

  get left(): boolean {
    return this.#next < 60_000;
  }
}

/** Sends the packet until every outcome was seen. The first difference, or how many were sent. */
function compare(
  twins: TwinKernels,
  { packet, arrival }: PacketCase,
  ports: SourcePorts,
): Difference | number {
  const seen = new Set<string>();
  for (let sent = 1; ; sent++) {
    const result = twins.send({ ...packet, sourcePort: ports.take() } satisfies Packet, arrival);
    if ("difference" in result) return result.difference;
    const { outcomes } = result.trace;
    seen.add(String(outcomes.indexOf(result.outcome)));
    if (seen.size === outcomes.length || !ports.left) return sent;
    assert.ok(
      sent < PATIENCE * outcomes.length,
      `after ${sent} packets only outcomes ${[...seen].join(", ")} of: ${formatFates(result.trace)}`,
    );
  }
}

/** All tables that are `table` with one part less. */
function* smaller(table: TableCase): Generator<TableCase> {
  const without = <T>(list: readonly T[], index: number): T[] => list.filter((_, at) => at !== index);
  const { ports, ranges, masquerade } = table;
  for (const index of ports.keys()) yield { ...table, ports: without(ports, index) };
  for (const index of ranges.keys()) yield { ...table, ranges: without(ranges, index) };
  for (const index of masquerade.keys()) yield { ...table, masquerade: without(masquerade, index) };
  for (const [index, port] of table.ports.entries())
    for (const at of port.backends.keys())
      yield { ...table, ports: table.ports.with(index, { ...port, backends: without(port.backends, at) }) };
}

/** The smallest table that one finds by taking parts away with which the packet still has another fate. */
function shrink(twins: TwinKernels, table: TableCase, packet: PacketCase, difference: Difference): string {
  const differs = (candidate: TableCase): Difference | undefined => {
    twins.program(candidate);
    twins.forgetConnections();
    const ports = new SourcePorts();
    for (let tries = 0; tries < 40; tries++) {
      const result = twins.send({ ...packet.packet, sourcePort: ports.take() }, packet.arrival);
      if ("difference" in result) return result.difference;
    }
    return undefined;
  };
  let [least, found] = [table, difference];
  for (let again = true; again;) {
    again = false;
    for (const candidate of smaller(least)) {
      const still = differs(candidate);
      if (still === undefined) continue;
      [least, found, again] = [candidate, still, true];
      break;
    }
  }
  const { ports, ranges, masquerade } = least;
  return [
    `the kernels differ (FAIRLEAD_SEED=${seed}):`,
    ...ports.map(
      ({ address, protocol, port, backends }) =>
        `  ${address} ${protocol} ${port} -> ${backends.map((one) => `${one.address} ${one.port}`).join(", ") || "none"}`,
    ),
    `  ranges ${ranges.join(", ") || "none"}; masqueraded ${masquerade.map((pair) => pair.join(">")).join(", ") || "none"}`,
    formatDifference(found),
  ].join("\n");
}

test(`new connections: the same becomes of them in both kernels`, { skip }, async (t) => {
  using lab = await PacketLab.open();
  const twins = new TwinKernels(lab);
  const maker = new CaseMaker(seededRandom(seed));
  const started = performance.now();
  let cases = 0;
  let packets = 0;
  for (let tables = 0; tables < TABLES; tables++) {
    const table = maker.table();
    twins.program(table);
    twins.forgetConnections();
    const ports = new SourcePorts();
    for (let count = 0; count < PACKETS && ports.left; count++) {
      const packet = maker.packet(table);
      const result = compare(twins, packet, ports);
      if (typeof result !== "number") assert.fail(shrink(twins, table, packet, result));
      cases++;
      packets += result;
    }
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  t.diagnostic(`FAIRLEAD_SEED=${seed}: ${cases} cases, ${packets} packets, ${seconds} s, no difference`);
  assert.ok(cases >= TABLES * PACKETS * 0.9, `${cases} cases`);
});

/** What an endpoint answers to a packet that has reached it. */
function answer(
  packet: Packet,
  { source, destination }: Extract<Fate, { kind: "delivered" }>,
  reset: boolean,
): Packet {
  return {
    protocol: packet.protocol,
    source: destination.address,
    sourcePort: packet.protocol === "ICMP" ? source.port : destination.port,
    destination: source.address,
    destinationPort: packet.protocol === "ICMP" ? 0 : source.port,
    tcpFlags: reset ? ["RST", "ACK"] : ["SYN", "ACK"],
  };
}

test(
  "flows: repeated packets, answers, and what follows when services change meanwhile",
  { skip },
  async (t) => {
    using lab = await PacketLab.open();
    const twins = new TwinKernels(lab);
    const random = seededRandom(seed + 1);
    const maker = new CaseMaker(random);
    const started = performance.now();
    let flows = 0;
    let packets = 0;
    for (let tables = 0; tables < TABLES / 2; tables++) {
      const table = maker.table();
      twins.program(table);
      twins.forgetConnections();
      const ports = new SourcePorts();
      const open: (() => void)[] = [];
      for (let count = 0; count < PACKETS; count++) {
        const { packet: half, arrival } = maker.packet(table);
        const packet: Packet = { ...half, sourcePort: ports.take() };
        const follow: TwinKernels["follow"] = (...args) => {
          packets++;
          return twins.follow(...args);
        };
        const { fate } = follow(packet, arrival);
        // Where nobody but the host itself listens, it answers by itself; and to answers that it did not ask for.
        if (fate.kind !== "delivered" || fate.via === "local" || packet.protocol === "ICMP") continue;
        if (packet.protocol === "TCP" && (arrival.from === "host" || packet.tcpFlags !== undefined)) continue;
        // IPv6 routes an answer that is translated back to ::1 like any other, which no socket ever asks for.
        if (packet.source === "::1") continue;
        flows++;
        follow(packet, arrival);
        const back = { from: "network", iif: fate.via } as const;
        const isRefused = packet.protocol === "TCP" && random() < 0.2;
        follow(answer(packet, fate, isRefused), back);
        const next: Packet =
          isRefused || packet.protocol === "UDP" ? packet : { ...packet, tcpFlags: ["ACK"] };
        const again = follow(next, arrival).fate;
        if (isRefused || again.kind !== "delivered") continue;
        open.push(() => {
          follow(next, arrival);
          if (packet.protocol === "UDP") follow(answer(packet, fate, false), back);
        });
      }
      twins.program(maker.table());
      for (const goOn of open) goOn();
    }
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    t.diagnostic(`FAIRLEAD_SEED=${seed}: ${flows} flows, ${packets} packets, ${seconds} s, no difference`);
    assert.ok(flows > TABLES, `${flows} flows`);
  },
);

/** What turns one table into another, as the agent would tell it. */
function deltaBetween(from: ServiceTable, to: ServiceTable): TableDelta {
  const set = [...to.ports].filter(([key, port]) => !isDeepStrictEqual(from.ports.get(key), port));
  return {
    set: set.map(([, port]) => port),
    remove: [...from.ports.keys()].filter((key) => !to.ports.has(key)),
  };
}

/** Some ports of `table` replaced, changed or gone, and some new. */
function changed(table: TableCase, other: TableCase, random: () => number): TableCase {
  const kept = table.ports.filter(() => random() < 0.8);
  const ports = kept.map((port) =>
    random() < 0.5 ? port : { ...port, backends: port.backends.filter(() => random() < 0.7) },
  );
  const keys = new Set(ports.map(virtualPortKey));
  const added = other.ports.filter((port) => random() < 0.3 && !keys.has(virtualPortKey(port)));
  return { ...table, ports: [...ports, ...added] };
}

/** What the real kernel's own rules, read back, do with a connection to each port is what the table says. */
function assertExplained(tableCase: TableCase, real: NetlinkPort): void {
  const copy = new FakeKernel(LAB_HOST);
  copy.commit(tableCommands(real, Family.inet, TABLE_NAME)!);
  const table = serviceTable(tableCase);
  for (const asked of table.ports.values()) {
    // An endpoint that is a virtual address itself, refused there, is refused here too: the words say so.
    const isVirtual = ({ address, port }: Backend): boolean =>
      table.ports.has(virtualPortKey({ ...asked, address, port }));
    if (asked.backends.some(isVirtual)) continue;
    const connection = { address: asked.address, port: asked.port, protocol: asked.protocol };
    const { endpoints, words } = traceConnection(table, connection, { kernel: copy, host: LAB_HOST });
    assert.doesNotMatch(words.join(" "), /not what/, `FAIRLEAD_SEED=${seed}`);
    assert.equal(endpoints.length, asked.backends.length);
  }
}

test(
  "the data plane itself, on both kernels: change after change, and UDP flows cut loose",
  { skip },
  async (t) => {
    using lab = await PacketLab.open();
    const twins = new TwinKernels(lab);
    await using real = await createNftablesDataPlane({ netns: lab.netns, routes: false });
    await using fake = createFakeDataPlane(twins.fake);
    using readBack = await NetlinkPort.open(lab.netns);
    const random = seededRandom(seed + 2);
    const maker = new CaseMaker(random);
    const started = performance.now();
    const counts = { changes: 0, packets: 0, moved: 0 };
    for (let tables = 0; tables < TABLES / 5; tables++) {
      let table: TableCase = { ...maker.table(), masquerade: [] };
      // The kernel tells batches that change intervals apart by its clock, which ticks every 1 to 10 ms.
      await delay(10);
      const report = await real.sync(serviceTable(table));
      assert.deepEqual(await fake.sync(serviceTable(table)), report);
      twins.forgetConnections();
      const ports = new SourcePorts();
      const flows: { packet: Packet; arrival: Arrival; to: string }[] = [];
      for (let round = 0; round < 6; round++) {
        for (let count = 0; count < 15; count++) {
          const { packet: half, arrival } = maker.packet(table);
          const packet = { ...half, sourcePort: ports.take() };
          const { fate } = twins.follow(packet, arrival);
          const isFlow = packet.protocol === "UDP" && fate.kind === "delivered" && fate.via !== "local";
          if (isFlow) flows.push({ packet, arrival, to: formatFate(fate) });
          counts.packets++;
        }
        const next = changed(table, maker.table(), random);
        const delta = deltaBetween(serviceTable(table), serviceTable(next));
        await Promise.all([real.apply(delta), fake.apply(delta)]);
        counts.changes++;
        table = next;
        for (const flow of flows) {
          const now = formatFate(twins.follow(flow.packet, flow.arrival).fate);
          if (now !== flow.to) counts.moved++;
          flow.to = now;
        }
      }
      assertExplained(table, readBack);
    }
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    t.diagnostic(
      `FAIRLEAD_SEED=${seed}: ${counts.changes} changes, ${counts.packets} connections, ` +
        `${counts.moved} moves of UDP flows, ${seconds} s, no difference`,
    );
    assert.ok(counts.moved > 0);
  },
);
