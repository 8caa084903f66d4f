/**
 * The fake kernel against the real one, with rules that nobody would write: every expression, verdict, hook and kind
 * of chain at random. Both must take or refuse the same batches with the same error, list the same ruleset, handles and
 * counters included, and do the same with every packet.
 *
 * FAIRLEAD_SEED chooses the cases, FAIRLEAD_RULESETS how many. Needs root.
 */
import assert from "node:assert/strict";
import { performance } from "node:perf_hooks";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { inspect } from "node:util";
import { FakeKernel } from "../src/dataplane/fake/kernel.ts";
import type { Packet } from "../src/dataplane/fake/packet.ts";
import { NetlinkPort } from "../src/dataplane/nftables/netlink-port.ts";
import type { NftablesPort } from "../src/dataplane/nftables/port.ts";
import type { Command, SetDefinition, SetElement } from "../src/net/nftables/model.ts";
import { Family } from "../src/net/nftables/model.ts";
import { NetlinkError } from "../src/sys/netlink-error.ts";
import { needsNetns } from "./lab/netns.ts";
import type { PacketCase } from "./lab/packet-cases.ts";
import { CaseMaker, EMPTY_TABLE, seededRandom } from "./lab/packet-cases.ts";
import { formatDifference, TwinKernels } from "./lab/packet-compare.ts";
import { LAB_HOST, PacketLab } from "./lab/packet-io.ts";
import { RuleMaker } from "./lab/rule-cases.ts";

const skip = needsNetns();
const seed = Number(process.env["FAIRLEAD_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
const RULESETS = Number(process.env["FAIRLEAD_RULESETS"] ?? 150);
const PACKETS = 40;
const DELETE: Command = { op: "delete table", table: { family: Family.inet, name: "t" } };

/** "ENOENT at 4" for each command that the kernel blames; none if all was taken. */
function refusals(commit: () => void): string[] {
  try {
    commit();
    return [];
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error;
    return error.refusals.map(({ code, index }) => `${code} at ${index}`);
  }
}

/** A line for each object, in an order that does not depend on the kernel's. */
function listing(port: NftablesPort): string[] {
  const sets = port.sets(Family.inet, "t");
  // What is left of an element's time is asked elsewhere: the fake's clock stands still here.
  const elements = sets.flatMap((set) =>
    port.elements(set).map(({ expiration: _left, ...element }) => ({ set: set.name, element })),
  );
  const tables = port.tables(Family.inet).map(({ name }) => name);
  // The kernel counts what packets deleted until its next collection.
  const counted = sets.map(({ count, ...set }) => (set.flags.dynamic === true ? set : { ...set, count }));
  const unordered = [...tables, ...port.chains(Family.inet), ...counted, ...elements].map(text).toSorted();
  return [...unordered, ...port.rules(Family.inet, "t").map(text)];
}

function assertSameListing(fake: string[], real: string[]): void {
  const [onlyFake, onlyReal] = [
    fake.filter((line) => !real.includes(line)),
    real.filter((line) => !fake.includes(line)),
  ];
  assert.deepEqual(onlyFake, onlyReal, `only the fake lists, then only the real one (FAIRLEAD_SEED=${seed})`);
  assert.deepEqual(fake, real, `the fake's listing, then the real one (FAIRLEAD_SEED=${seed})`);
}

/** Readable and the same for equal values. */
function text(value: unknown): string {
  return inspect(value, { depth: 20, sorted: true, maxArrayLength: null, breakLength: 120 });
}

/** Fewer rules with which the packet still has different fates. */
function shrink(twins: TwinKernels, commands: readonly Command[], packet: PacketCase): string {
  let port = 2000;
  const differs = (candidate: readonly Command[]): string | undefined => {
    const fresh = new TwinKernels(twins.lab, new FakeKernel(LAB_HOST));
    fresh.commit(candidate);
    fresh.forgetConnections();
    try {
      for (let tries = 0; tries < 16; tries++) {
        const result = fresh.send({ ...packet.packet, sourcePort: port++ }, packet.arrival);
        if ("difference" in result) return formatDifference(result.difference);
        fresh.fake.take(result.trace, result.outcome);
      }
      return undefined;
    } finally {
      fresh.commit([DELETE]);
    }
  };
  let [least, found] = [[...commands], differs(commands) ?? "(only after the packets before it)"];
  for (let index = least.length - 1; index >= 0; index--) {
    if (least[index]!.op !== "add rule") continue;
    const candidate = least.toSpliced(index, 1);
    const still = differs(candidate);
    if (still !== undefined) [least, found] = [candidate, still];
  }
  const rules = least.flatMap((command) => {
    if (command.op === "add rule")
      return [`${command.rule.chain}: ${text(command.rule.expressions).replaceAll(/\s+/g, " ")}`];
    return command.op === "add chain" && command.chain.base !== undefined
      ? [text(command.chain).replaceAll(/\s+/g, " ")]
      : [];
  });
  return [...rules, found].join("\n");
}

test("random rules: the same is taken and refused, listed, and done with packets", { skip }, async (t) => {
  using lab = await PacketLab.open();
  using real = await NetlinkPort.open(lab.netns);
  const random = seededRandom(seed);
  const packets = new CaseMaker(random);
  const started = performance.now();
  const counts = { taken: 0, refused: 0, packets: 0 };
  for (let index = 0; index < RULESETS; index++) {
    const commands = new RuleMaker(random, index % 3 === 0 ? 0.03 : 0).commands();
    const twins = new TwinKernels(lab, new FakeKernel(LAB_HOST));
    twins.forgetConnections();
    const wanted = refusals(() => real.commit(commands));
    const [got = "taken"] = refusals(() => twins.fake.commit(commands));
    // The real kernel goes on after a refusal and names others; which come first is its own affair.
    assert.ok(
      wanted.length === 0 ? got === "taken" : wanted.includes(got),
      `${got} in the fake, ${wanted.join(", ")} in the real kernel (FAIRLEAD_SEED=${seed})\n${text(commands)}`,
    );
    if (wanted.length > 0) {
      counts.refused++;
      continue;
    }
    counts.taken++;
    for (let sourcePort = 2000; sourcePort < 2000 + PACKETS; sourcePort++) {
      const packetCase = packets.packet(EMPTY_TABLE);
      const packet: Packet = { ...packetCase.packet, sourcePort };
      const result = twins.send(packet, packetCase.arrival);
      counts.packets++;
      if ("difference" in result) {
        real.commit([DELETE]);
        assert.fail(
          `the kernels differ (FAIRLEAD_SEED=${seed}):\n${shrink(twins, commands, packetCase)}\n` +
            `first seen as: ${formatDifference(result.difference)}`,
        );
      }
      twins.fake.take(result.trace, result.outcome);
    }
    assertSameListing(listing(twins.fake), listing(real));
    twins.commit([DELETE]);
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  t.diagnostic(
    `FAIRLEAD_SEED=${seed}: ${counts.taken} rulesets and ${counts.packets} packets, ` +
      `${counts.refused} refused, ${seconds} s, no difference`,
  );
  assert.ok(counts.taken > RULESETS / 2 && counts.refused > 0);
});

function intervalText(borders: readonly SetElement[]): string {
  return borders
    .map(({ key, intervalEnd }) => `${intervalEnd === true ? "end" : "start"} ${key[3]}`)
    .join(", ");
}

test("random intervals: added and deleted in any order, with the same result", { skip }, async (t) => {
  using lab = await PacketLab.open();
  using real = await NetlinkPort.open(lab.netns);
  const random = seededRandom(seed + 1);
  const below = (count: number): number => Math.floor(random() * count);
  const set: SetDefinition = {
    family: Family.inet,
    table: "t",
    name: "s",
    kind: "set",
    keyTypes: ["ipv4_addr"],
    keyLength: 4,
    flags: { interval: true },
  };
  const border = (at: number, intervalEnd: boolean): SetElement => {
    const key = Uint8Array.of(10, 0, 0, at);
    return intervalEnd ? { key, intervalEnd } : { key };
  };
  const counts = { taken: 0, refused: 0 };
  for (let round = 0; round < RULESETS / 5; round++) {
    const fake = new FakeKernel(LAB_HOST);
    for (const kernel of [real, fake])
      kernel.commit([
        { op: "add table", table: { family: Family.inet, name: "t" } },
        { op: "add set", set },
      ]);
    for (let batch = 0; batch < 12; batch++) {
      const commands: Command[] = [];
      const there = real.elements(set);
      // Not both in one batch: then Linux (6.18) does not always see that intervals overlap.
      if (there.length > 0 && random() < 0.4) {
        // Whole intervals, in the order of a dump, from the last one's end on, or in that of an address book.
        const from = below(there.length / 2) * 2;
        const some = there.slice(from, from + 2 * (1 + below(2)));
        commands.push({ op: "delete elements", set, elements: random() < 0.7 ? some.toReversed() : some });
      }
      for (let count = commands.length > 0 ? 0 : 1 + below(2); count > 0; count--) {
        const start = below(40);
        const elements = [border(start, false), border(start + 1 + below(10), true)];
        commands.push({ op: "add elements", set, elements });
      }
      if (commands.length === 0) continue;
      // The kernel tells batches that change intervals apart by its clock, which ticks every 1 to 10 ms.
      await delay(10);
      const wanted = refusals(() => real.commit(commands));
      const [got = "taken"] = refusals(() => fake.commit(commands));
      assert.ok(
        wanted.length === 0 ? got === "taken" : wanted[0] === got,
        `${got} in the fake, ${wanted.join(", ")} in the real kernel (FAIRLEAD_SEED=${seed})\n` +
          `${intervalText(there)}\n${commands.map((one) => `${one.op}: ${intervalText("elements" in one ? one.elements : [])}`).join("\n")}`,
      );
      counts[wanted.length === 0 ? "taken" : "refused"]++;
      assert.deepEqual(fake.elements(set).map(text), real.elements(set).map(text), `FAIRLEAD_SEED=${seed}`);
    }
    real.commit([DELETE]);
  }
  t.diagnostic(
    `FAIRLEAD_SEED=${seed}: ${counts.taken} batches taken, ${counts.refused} refused, no difference`,
  );
  assert.ok(counts.taken > 20 && counts.refused > 5);
});
