/** A base chain on one packet: nft_do_chain of net/netfilter/nf_tables_core.c. */
import type { RulePlace, TraceStep } from "./packet-trace.ts";
import type { PacketContext, RejectKind } from "./rule-run.ts";
import { RuleRun } from "./rule-run.ts";
import type { ChainState, RuleState, TableState } from "./ruleset.ts";

/** NFT_JUMP_STACK_SIZE. */
const STACK = 16;

export interface ChainResult {
  readonly verdict: "accept" | "drop";
  /** What decided, if it was a rule or a policy of drop. */
  readonly by: RulePlace | undefined;
  readonly rejected?: RejectKind;
}

interface Place {
  readonly chain: ChainState;
  /** Index of the next rule. */
  readonly next: number;
}

/**
 * Runs the packet through `base` and what it jumps and goes to. Accept ends this base chain only. A chain that was
 * gone to returns to where the last jump came from; with none left, the policy of the base chain decides.
 */
export function runBaseChain(
  context: PacketContext,
  table: TableState,
  base: ChainState,
  steps: TraceStep[],
): ChainResult {
  const stack: Place[] = [];
  let at: Place = { chain: base, next: 0 };
  for (;;) {
    const rule: RuleState | undefined = at.chain.rules[at.next];
    const decided = rule === undefined ? ({ code: "return" } as const) : run(context, table, at, rule, steps);
    switch (decided.code) {
      case "continue":
        at = { chain: at.chain, next: at.next + 1 };
        break;
      case "jump":
        if (stack.length >= STACK) return { verdict: "drop", by: placeOf(table, at) };
        stack.push({ chain: at.chain, next: at.next + 1 });
        at = { chain: table.chains.get(decided.chain)!, next: 0 };
        break;
      case "goto":
        at = { chain: table.chains.get(decided.chain)!, next: 0 };
        break;
      case "return": {
        const back = stack.pop();
        if (back === undefined) return policy(table, base);
        at = back;
        break;
      }
      default: {
        const result = { verdict: decided.code, by: placeOf(table, at) };
        return decided.rejected === undefined ? result : { ...result, rejected: decided.rejected };
      }
    }
  }
}

type Decided =
  | { readonly code: "continue" | "return" }
  | { readonly code: "jump" | "goto"; readonly chain: string }
  | { readonly code: "accept" | "drop"; readonly rejected?: RejectKind };

function run(
  context: PacketContext,
  table: TableState,
  at: Place,
  rule: RuleState,
  steps: TraceStep[],
): Decided {
  const result = new RuleRun(context, table, rule).run();
  if (result.kind === "no match") return { code: "continue" };
  steps.push({ hook: context.hook, place: placeOf(table, at), text: result.facts.join("; ") });
  if (result.kind === "matched") return { code: "continue" };
  const { verdict, rejected } = result;
  if (verdict.code === "jump" || verdict.code === "goto") return verdict;
  if (verdict.code === "accept" || verdict.code === "drop")
    return rejected === undefined ? { code: verdict.code } : { code: verdict.code, rejected };
  return { code: verdict.code === "return" ? "return" : "continue" };
}

function policy(table: TableState, base: ChainState): ChainResult {
  const verdict = base.chain.base?.policy ?? "accept";
  const place = { table: table.table.name, chain: base.chain.name, rule: 0 };
  return { verdict, by: verdict === "drop" ? place : undefined };
}

function placeOf(table: TableState, { chain, next }: Place): RulePlace {
  return { table: table.table.name, chain: chain.chain.name, rule: next + 1 };
}
