/**
 * What the table says against what the rules do: random tables, programmed into a kernel in memory, and packets to
 * them. Which endpoints each can reach, what is refused or dropped, and whose address the endpoint sees is worked out from
 * the table alone, so that what is wrong in the rules shows, and not only what is wrong in the fake kernel.
 *
 * FAIRLEAD_SEED chooses the cases, CASES how many.
 */
import assert from "node:assert/strict";
import { performance } from "node:perf_hooks";
import { test } from "node:test";
import { FakeKernel } from "../src/dataplane/fake/kernel.ts";
import { formatTrace } from "../src/dataplane/fake/packet-trace.ts";
import type { Trace } from "../src/dataplane/fake/packet-trace.ts";
import type { Packet } from "../src/dataplane/fake/packet.ts";
import { desiredState } from "../src/dataplane/nftables/desired-state.ts";
import { rebuild } from "../src/dataplane/nftables/reconcile.ts";
import type { PacketCase, TableCase } from "./lab/packet-cases.ts";
import { CaseMaker, seededRandom, serviceTable } from "./lab/packet-cases.ts";
import { LAB_HOST } from "./lab/packet-io.ts";
import { disagreement } from "./lab/packet-oracle.ts";
import type { SequenceCase } from "./lab/packet-shrink.ts";
import { caseText, shrinkCase } from "./lab/packet-shrink.ts";

const seed = Number(process.env["FAIRLEAD_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
const CASES = Number(process.env["CASES"] ?? 4000);
const PACKETS = 40;

function programmed(table: TableCase): FakeKernel {
  const kernel = new FakeKernel(LAB_HOST);
  kernel.commit(
    rebuild(desiredState(serviceTable(table), table.masquerade, undefined), { table: undefined }).commands,
  );
  return kernel;
}

/** What is wrong, if anything, and what the rules do. */
function judge(
  kernel: FakeKernel,
  table: TableCase,
  { packet, arrival }: PacketCase,
): { readonly wrong: string | undefined; readonly trace: Trace } {
  const whole: Packet = { ...packet, sourcePort: 40_000 };
  const trace = kernel.trace(whole, arrival);
  const wrong = disagreement(table, whole, arrival, trace.outcomes, kernel.host);
  return { trace, wrong: wrong === undefined ? undefined : `${wrong}\n${formatTrace(trace)}` };
}

/** The oracle on every case. */
function firstDisagreement(
  cases: number,
  maker: CaseMaker,
): { judged: number; balanced: number; refused: number } {
  const counts = { judged: 0, balanced: 0, refused: 0 };
  while (counts.judged < cases) {
    const table = maker.table();
    const kernel = programmed(table);
    for (let count = 0; count < PACKETS; count++) {
      const packet = maker.packet(table);
      const { wrong, trace } = judge(kernel, table, packet);
      if (wrong !== undefined) assert.fail(smallest(table, packet, wrong));
      counts.judged++;
      if (trace.outcomes.some(({ fate }) => fate.kind === "delivered" && fate.translated)) counts.balanced++;
      else if (trace.outcomes.some(({ fate }) => fate.kind !== "delivered")) counts.refused++;
    }
  }
  return counts;
}

function smallest(table: TableCase, packet: PacketCase, first: string): string {
  const wrong = ({ table: candidate, packets }: SequenceCase): string | undefined =>
    judge(programmed(candidate), candidate, packets.at(-1)!).wrong;
  const found = shrinkCase({ table, packets: [packet] }, wrong);
  const text = found === undefined ? first : `${caseText(found.least)}\n${found.why}`;
  return `the rules do not do what the table says (FAIRLEAD_SEED=${seed}):\n${text}`;
}

test("rules: what becomes of a packet is what the table says", (t) => {
  const started = performance.now();
  const maker = new CaseMaker(seededRandom(seed));
  const { judged, balanced, refused } = firstDisagreement(CASES, maker);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  t.diagnostic(
    `FAIRLEAD_SEED=${seed}: ${judged} cases (${balanced} balanced, ${refused} not delivered), ${seconds} s, no difference`,
  );
  assert.ok(balanced > judged / 10 && refused > judged / 10);
});
