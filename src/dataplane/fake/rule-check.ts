/**
 * What the kernel checks when a rule is added (the init and select_ops functions of net/netfilter/nft_*.c), and
 * when a batch is committed: that expressions are reached only from hooks where they work (nft_chain_validate).
 */
import type { Chain, Expression, Register } from "../../net/nftables/model.ts";
import { Hook, REG_VERDICT } from "../../net/nftables/model.ts";
import { CT_LENGTHS, META_LENGTHS } from "./expression-lengths.ts";
import type { TableState } from "./ruleset.ts";
import { registerSpan } from "./registers.ts";
import { verdictTarget } from "./ruleset.ts";

/** Why the kernel would refuse: an errno name, and the reason for people. */
export interface Objection {
  readonly code: string;
  readonly reason: string;
}

/** NFT_DATA_VALUE_MAXLEN, the longest value that registers hold. */
export const MAX_DATA = 64;
/** NFT_JUMP_STACK_SIZE: how deep chains may jump and go. */
const MAX_DEPTH = 16;

/** What a rule's expressions read and write. Each register must be written by the rule before it is read. */
class RegisterUse {
  readonly #written = new Set<number>();

  read(register: Register, length: number): Objection | undefined {
    const span = registerSpan(register, length);
    if (span === undefined) return outside(register, length);
    for (let word = span[0]; word < span[1]; word++)
      if (!this.#written.has(word))
        // nft_parse_register_load of Linux 6.12 and later; older kernels read zeros.
        return { code: "ENODATA", reason: `register ${register} is read before it is written` };
    return undefined;
  }

  write(register: Register, length: number): Objection | undefined {
    const span = registerSpan(register, length);
    if (span === undefined) return outside(register, length);
    for (let word = span[0]; word < span[1]; word++) this.#written.add(word);
    return undefined;
  }
}

function outside(register: Register, length: number): Objection {
  return { code: "ERANGE", reason: `${length} bytes do not fit in the registers from ${register} on` };
}

/** The first objection to a rule's expressions, in their order. */
export function checkExpressions(
  table: TableState,
  expressions: readonly Expression[],
): Objection | undefined {
  const registers = new RegisterUse();
  for (const expression of expressions) {
    const objection = checkExpression(table, expression, registers);
    if (objection !== undefined) return objection;
  }
  return undefined;
}

function checkExpression(table: TableState, expression: Expression, use: RegisterUse): Objection | undefined {
  switch (expression.type) {
    case "payload":
      return use.write(expression.dreg, expression.length);
    case "meta":
      return use.write(expression.dreg, META_LENGTHS[expression.key]);
    case "meta set":
      return use.read(expression.sreg, 4);
    case "ct":
      return checkCt(expression) ?? use.write(expression.dreg, CT_LENGTHS[expression.key]);
    case "cmp":
      return use.read(expression.sreg, expression.value.length);
    case "bitwise":
      if (expression.mask.length !== expression.xor.length)
        return { code: "EINVAL", reason: "mask and xor have different lengths" };
      return (
        use.read(expression.sreg, expression.mask.length) ??
        use.write(expression.dreg, expression.mask.length)
      );
    case "immediate":
      return use.write(expression.dreg, expression.value.length);
    case "numgen":
      return checkModulus(expression) ?? use.write(expression.dreg, 4);
    case "jhash":
      if (expression.length === 0) return { code: "ERANGE", reason: "a hash of nothing" };
      return (
        checkModulus(expression) ??
        use.read(expression.sreg, expression.length) ??
        use.write(expression.dreg, 4)
      );
    case "nat":
      return checkNat(expression, use);
    case "lookup":
      return checkLookup(table, expression, use);
    case "fib":
      return checkFib(expression) ?? use.write(expression.dreg, expression.result === "oifname" ? 16 : 4);
    case "dynset":
      return checkDynset(table, expression, use);
    case "verdict":
      return checkTarget(table, verdictTarget(expression.verdict));
    default:
      return undefined;
  }
}

function checkModulus({ modulus, offset }: { modulus: number; offset: number }): Objection | undefined {
  if (modulus < 1) return { code: "ERANGE", reason: "a modulus of 0" };
  if (offset + modulus - 1 > 0xffffffff)
    return { code: "EOVERFLOW", reason: "offset and modulus exceed 32 bits" };
  return undefined;
}

function checkCt({ key, direction }: Extract<Expression, { type: "ct" }>): Objection | undefined {
  const ofTuple = key === "proto dst" || key.includes(" ip");
  if (ofTuple && direction === undefined) return { code: "EINVAL", reason: `ct ${key} needs a direction` };
  if (!ofTuple && key !== "protocol" && direction !== undefined)
    return { code: "EINVAL", reason: `ct ${key} has no direction` };
  return undefined;
}

function checkNat(
  { family, address, port }: Extract<Expression, { type: "nat" }>,
  use: RegisterUse,
): Objection | undefined {
  return (
    (address === undefined ? undefined : use.read(address, family === 2 ? 4 : 16)) ??
    (port === undefined ? undefined : use.read(port, 2))
  );
}

function checkLookup(
  table: TableState,
  { set, sreg, dreg, invert }: Extract<Expression, { type: "lookup" }>,
  use: RegisterUse,
): Objection | undefined {
  const definition = table.sets.get(set)?.definition;
  if (definition === undefined) return { code: "ENOENT", reason: `no set ${set}` };
  const read = use.read(sreg, definition.keyLength);
  if (read !== undefined || dreg === undefined) return read;
  if (invert === true) return { code: "EINVAL", reason: "what is not in a map has no data" };
  if (definition.kind === "set") return { code: "EINVAL", reason: `${set} is a set: it has no data` };
  if ((dreg === REG_VERDICT) !== (definition.kind === "verdict map"))
    return { code: "EINVAL", reason: `the data of ${set} does not fit register ${dreg}` };
  return dreg === REG_VERDICT ? undefined : use.write(dreg, definition.dataLength ?? 0);
}

/** nft_fib_init: one end, at most one interface, and none of the packet's for what asks for one. */
function checkFib({ result, flags }: Extract<Expression, { type: "fib" }>): Objection | undefined {
  const has = (flag: (typeof flags)[number]): boolean => flags.includes(flag);
  const wrong = (reason: string): Objection => ({ code: "EINVAL", reason });
  if (has("saddr") === has("daddr")) return wrong("fib asks about the source or the destination");
  if (has("iif") && has("oif")) return wrong("fib asks with one interface at most");
  if (result !== "type" && has("oif")) return wrong(`fib ${result} with oif`);
  return undefined;
}

/** nft_dynset_init. */
function checkDynset(
  table: TableState,
  { set, keySreg, dataSreg, timeout }: Extract<Expression, { type: "dynset" }>,
  use: RegisterUse,
): Objection | undefined {
  const state = table.sets.get(set);
  if (state === undefined) return { code: "ENOENT", reason: `no set ${set}` };
  const { kind, flags, keyLength, dataLength = 0 } = state.definition;
  const cannot = (reason: string): Objection => ({ code: "EOPNOTSUPP", reason: `set ${set} ${reason}` });
  if (!state.fillable) return cannot("is of a kind that packets cannot fill");
  if (flags.constant === true) return { code: "EBUSY", reason: `set ${set} is constant` };
  if (timeout !== undefined && flags.timeout !== true) return cannot("does not forget elements");
  const read = use.read(keySreg, keyLength);
  if (read !== undefined) return read;
  if (dataSreg === undefined)
    return kind === "set" ? undefined : { code: "EINVAL", reason: `map ${set} needs data` };
  if (kind !== "map") return cannot("has no data, or verdicts, which packets cannot give");
  return use.read(dataSreg, dataLength);
}

/** A jump goes to a chain of the same table that is not hooked in anywhere itself. */
export function checkTarget(table: TableState, target: string | undefined): Objection | undefined {
  if (target === undefined) return undefined;
  const chain = table.chains.get(target)?.chain;
  if (chain === undefined) return { code: "ENOENT", reason: `no chain ${target}` };
  if (chain.base !== undefined) return { code: "EOPNOTSUPP", reason: `${target} is a base chain` };
  return undefined;
}

const HOOKS_OF: Readonly<Record<string, { readonly hooks: readonly Hook[]; readonly nat: boolean }>> = {
  dnat: { hooks: [Hook.prerouting, Hook.output], nat: true },
  snat: { hooks: [Hook.postrouting, Hook.input], nat: true },
  masquerade: { hooks: [Hook.postrouting], nat: true },
  reject: { hooks: [Hook.prerouting, Hook.input, Hook.forward, Hook.output], nat: false },
};

/** nft_fib_validate: where the interfaces that it asks about are known. */
function fibHooks({ result, flags }: Extract<Expression, { type: "fib" }>): readonly Hook[] {
  if (result !== "type" || flags.includes("iif")) return [Hook.prerouting, Hook.input, Hook.forward];
  if (flags.includes("oif")) return [Hook.output, Hook.postrouting, Hook.forward];
  return Object.values(Hook);
}

/** Walks all that base chains reach. The first objection, or undefined. */
export function checkGraph(table: TableState): Objection | undefined {
  for (const { chain } of table.chains.values()) {
    const objection =
      chain.base === undefined ? undefined : checkFrom(table, chain, chain.base, 0, new Map());
    if (objection !== undefined) return objection;
  }
  return undefined;
}

/** `seen`: the deepest level at which each chain was found to be right from this base chain. */
function checkFrom(
  table: TableState,
  chain: Chain,
  base: NonNullable<Chain["base"]>,
  level: number,
  seen: Map<string, number>,
): Objection | undefined {
  if (level === MAX_DEPTH)
    return {
      code: "EMLINK",
      reason: `chains reach deeper than ${MAX_DEPTH}, or in a circle, at ${chain.name}`,
    };
  if ((seen.get(chain.name) ?? -1) >= level) return undefined;
  const targets: (string | undefined)[] = [];
  for (const { rule } of table.chains.get(chain.name)?.rules ?? [])
    for (const expression of rule.expressions) {
      const kind = expression.type === "nat" ? expression.kind : expression.type;
      const place = expression.type === "fib" ? { hooks: fibHooks(expression), nat: false } : HOOKS_OF[kind];
      if (place !== undefined && (!place.hooks.includes(base.hook) || (place.nat && base.type !== "nat")))
        return {
          code: "EOPNOTSUPP",
          reason: `${kind} in ${chain.name} does not work where it is reached from`,
        };
      if (expression.type === "verdict") targets.push(verdictTarget(expression.verdict));
      if (expression.type === "lookup" && expression.dreg === REG_VERDICT)
        for (const { verdict } of table.sets.get(expression.set)!.elements.values())
          targets.push(verdictTarget(verdict));
    }
  for (const target of new Set(targets)) {
    const next = target === undefined ? undefined : table.chains.get(target);
    const objection = next === undefined ? undefined : checkFrom(table, next.chain, base, level + 1, seen);
    if (objection !== undefined) return objection;
  }
  seen.set(chain.name, level);
  return undefined;
}
