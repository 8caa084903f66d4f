/**
 * The fake kernel against the real one: random tables, programmed by the real plan into a namespace and into the
 * fake, and random packets sent for real. What becomes of each must be one of the fake's outcomes, and where the
 * rules pick at random, each as often as the fake says.
 *
 * FAIRLEAD_SEED chooses the cases, CASES how many. Needs root.
 */
import assert from "node:assert/strict";
import { performance } from "node:perf_hooks";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { tableCommands } from "../src/dataplane/fake/copy-table.ts";
import { createFakeDataPlane } from "../src/dataplane/fake/fake-data-plane.ts";
import { FakeKernel } from "../src/dataplane/fake/kernel.ts";
import type { Arrival, Fate, Outcome, Trace } from "../src/dataplane/fake/packet-trace.ts";
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
import { formatDifference, TwinKernels } from "./lab/packet-compare.ts";
import { LAB_HOST, PacketLab } from "./lab/packet-io.ts";
import type { SequenceCase } from "./lab/packet-shrink.ts";
import { caseText, shrinkCase } from "./lab/packet-shrink.ts";
import { needsNetns } from "./lab/netns.ts";

const skip = needsNetns();
const seed = Number(process.env["FAIRLEAD_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
const CASES = Number(process.env["CASES"] ?? 5000);
/** For the slower tests. */
const TABLES = Math.max(20, Math.min(CASES / 100, 500));
const PACKETS = 60;

/** Source ports, another for each packet, so that each is a connection of its own. */
class SourcePorts {
  #next = 1024;

  take(): number {
    return this.#next++;
  }
}

/** How evenly the kernel picks: where in the fake's shares each of its picks is, which is anywhere alike. */
class Evenness {
  static readonly BINS = 20;
  /** Passed by chance once in 10^9 runs: chi squared with 19 degrees of freedom. */
  static readonly MOST = 85;
  readonly #bins = Array.from({ length: Evenness.BINS }, () => 0);
  #count = 0;

  /** `random`: a number from 0 to below 1. */
  add({ outcomes }: Trace, outcome: Outcome, random: number): void {
    if (outcomes.length < 2) return;
    let before = 0;
    for (const one of outcomes) {
      const share = Number(one.share.numerator) / Number(one.share.denominator);
      if (one === outcome) {
        this.#bins[Math.min(Evenness.BINS - 1, Math.floor((before + random * share) * Evenness.BINS))]!++;
        this.#count++;
        return;
      }
      before += share;
    }
  }

  get count(): number {
    return this.#count;
  }

  chiSquared(): number {
    const wanted = this.#count / Evenness.BINS;
    return this.#bins.reduce((sum, got) => sum + (got - wanted) ** 2 / wanted, 0);
  }
}

/** The smallest case that one finds with which the kernels still differ, and the difference. */
function shrunk(twins: TwinKernels, whole: SequenceCase, first: Difference): string {
  const wrong = ({ table, packets }: SequenceCase): string | undefined => {
    // Where the kernel picks at random, a difference may need some tries.
    for (let tries = 0; tries < 8; tries++) {
      twins.program(table);
      twins.forgetConnections();
      const ports = new SourcePorts();
      for (const { packet, arrival } of packets) {
        const result = twins.send({ ...packet, sourcePort: ports.take() }, arrival);
        if ("difference" in result) return formatDifference(result.difference);
        twins.take(result);
      }
    }
    return undefined;
  };
  // Most often the last packet alone shows it.
  const found = shrinkCase({ ...whole, packets: whole.packets.slice(-1) }, wrong) ?? shrinkCase(whole, wrong);
  const text =
    found === undefined
      ? `${caseText(whole)}\n(only once)\n${formatDifference(first)}`
      : `${caseText(found.least)}\n${found.why}`;
  return `the kernels differ (FAIRLEAD_SEED=${seed}):\n${text}`;
}

test("new connections: the same becomes of them in both kernels", { skip }, async (t) => {
  using lab = await PacketLab.open();
  const twins = new TwinKernels(lab);
  const random = seededRandom(seed);
  const maker = new CaseMaker(random);
  const evenness = new Evenness();
  const started = performance.now();
  let cases = 0;
  while (cases < CASES) {
    const table = maker.table();
    twins.program(table);
    twins.forgetConnections();
    const ports = new SourcePorts();
    const packets: PacketCase[] = [];
    for (let count = 0; count < PACKETS; count++) {
      const packetCase = maker.packet(table);
      packets.push(packetCase);
      const { packet, arrival } = packetCase;
      const result = twins.send({ ...packet, sourcePort: ports.take() }, arrival);
      if ("difference" in result) assert.fail(shrunk(twins, { table, packets }, result.difference));
      evenness.add(result.trace, result.outcome, random());
      twins.take(result);
      cases++;
    }
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const chiSquared = evenness.chiSquared();
  t.diagnostic(
    `FAIRLEAD_SEED=${seed}: ${cases} cases, ${evenness.count} random picks (chi squared ${chiSquared.toFixed(0)} ` +
      `of ${Evenness.BINS} bins), ${seconds} s, no difference`,
  );
  assert.ok(evenness.count > CASES / 20, `${evenness.count} random picks`);
  assert.ok(chiSquared < Evenness.MOST, `the kernel picks otherwise than the fake says: ${chiSquared}`);
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
    const { words } = traceConnection(table, connection, { kernel: copy, host: LAB_HOST });
    assert.doesNotMatch(words.join(" "), /not what/, `FAIRLEAD_SEED=${seed}`);
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
        // Whenever they would do it by themselves: turns of new clients are arranged by those who have come.
        await Promise.all([real.countClients(), fake.countClients()]);
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
