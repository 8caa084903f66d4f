/** What nf_tables keeps of a namespace, and how parts of it are found. Changed by transaction.ts only. */
import type {
  Chain,
  Expression,
  Family,
  Rule,
  SetDefinition,
  Table,
  Verdict,
} from "../../net/nftables/model.ts";
import type { ElementStore } from "./element-store.ts";

export interface RuleState {
  readonly rule: Rule & { readonly handle: bigint };
  /** Numbers that expressions keep between packets, by their index in the rule. */
  readonly counters: Map<number, { packets: bigint; bytes: bigint }>;
  readonly sequences: Map<number, number>;
}

export interface ChainState {
  readonly chain: Chain & { readonly handle: bigint };
  readonly rules: RuleState[];
  /** Counts base chains in the order they were hooked in: of equal priority the newest runs first. */
  readonly hooked: number;
  /** How many rules and elements jump or go here. */
  references: number;
}

export interface SetState {
  /** Replaced only to give it a size. */
  definition: SetDefinition & { readonly handle: bigint };
  readonly elements: ElementStore;
  /** Whether packets can add elements: only nft_set_rhash can, which was chosen when the set was made. */
  readonly fillable: boolean;
  /** How many rules look it up. */
  references: number;
}

export interface TableState {
  readonly table: Table & { readonly handle: bigint };
  readonly chains: Map<string, ChainState>;
  readonly sets: Map<string, SetState>;
  /** Chains, rules and sets of a table are numbered together. */
  lastHandle: bigint;
}

/** Tables by {@link tableKey}. */
export type Ruleset = Map<string, TableState>;

export function tableKey(family: Family, name: string): string {
  return `${family} ${name}`;
}

/** The chain that the verdict goes to, if it goes anywhere. */
export function verdictTarget(verdict: Verdict | undefined): string | undefined {
  return verdict !== undefined && "chain" in verdict ? verdict.chain : undefined;
}

/** The chains that the rule itself (not its maps) jumps or goes to. */
export function ruleTargets(expressions: readonly Expression[]): string[] {
  return expressions.flatMap((expression) =>
    expression.type === "verdict" && "chain" in expression.verdict ? [expression.verdict.chain] : [],
  );
}

/** The sets that the rule looks up or fills, one for each expression that does. */
export function ruleSets(expressions: readonly Expression[]): string[] {
  return expressions.flatMap((expression) =>
    expression.type === "lookup" || expression.type === "dynset" ? [expression.set] : [],
  );
}
