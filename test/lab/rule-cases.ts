/** Random rules of every expression, most of them ones that the kernel takes. */
import { ip, ipBytes } from "../../src/base/ip.ts";
import {
  ctHas,
  equals,
  field,
  hostBytes,
  isIpv4,
  isIpv6,
  meta,
  reg,
} from "../../src/net/nftables/expressions.ts";
import type {
  Command,
  Expression,
  Rule,
  SetDefinition,
  SetElement,
  Verdict,
} from "../../src/net/nftables/model.ts";
import { Family, Hook, REG_VERDICT } from "../../src/net/nftables/model.ts";

type Of<T extends Expression["type"]> = Extract<Expression, { type: T }>;

const T = { family: Family.inet, table: "t" } as const;
const ADDRESSES = ["10.1.1.1", "10.1.1.4", "10.96.0.10", "10.97.1.7", "11.1.1.1", "11.1.1.254", "192.0.2.10"];
const PORTS = [1, 53, 80, 443, 8080, 65_535];
const INTERFACES = ["clients", "pods", "lo", ""];
/** RTN_UNICAST to RTN_UNREACHABLE. */
const ADDRESS_TYPES = [1, 2, 2, 3, 4, 5, 7];
const OPERATORS = ["==", "!=", "<", "<=", ">", ">="] as const;

const HOUR = 3_600_000;
const SETS: readonly SetDefinition[] = [
  { ...T, name: "hosts", kind: "set", keyTypes: ["ipv4_addr"], keyLength: 4, flags: {} },
  { ...T, name: "nets", kind: "set", keyTypes: ["ipv4_addr"], keyLength: 4, flags: { interval: true } },
  {
    ...T,
    name: "ports",
    kind: "set",
    keyTypes: ["ipv4_addr", "inet_proto", "inet_service"],
    keyLength: 12,
    flags: {},
  },
  {
    ...T,
    name: "marks",
    kind: "map",
    keyTypes: ["inet_service"],
    keyLength: 2,
    dataTypes: ["mark"],
    dataLength: 4,
    flags: {},
  },
  {
    ...T,
    name: "net-marks",
    kind: "map",
    keyTypes: ["ipv4_addr"],
    keyLength: 4,
    dataTypes: ["mark"],
    dataLength: 4,
    flags: { interval: true },
  },
  {
    ...T,
    name: "boxes",
    kind: "map",
    keyTypes: ["ipv4_addr", "inet_service"],
    keyLength: 8,
    dataTypes: ["mark"],
    dataLength: 4,
    flags: { interval: true },
  },
  {
    ...T,
    name: "seen",
    kind: "set",
    keyTypes: ["ipv4_addr"],
    keyLength: 4,
    flags: { dynamic: true, timeout: true },
    timeout: HOUR,
  },
  {
    ...T,
    name: "few",
    kind: "set",
    keyTypes: ["ipv4_addr"],
    keyLength: 4,
    flags: { dynamic: true },
    size: 2,
  },
  {
    ...T,
    name: "seen-marks",
    kind: "map",
    keyTypes: ["ipv4_addr", "inet_service"],
    keyLength: 8,
    dataTypes: ["mark"],
    dataLength: 4,
    flags: { dynamic: true, timeout: true },
    size: 1000,
  },
];

function bytes(address: string): Uint8Array {
  return ipBytes(ip(address));
}

function portBytes(port: number): Uint8Array {
  return Uint8Array.of(port >>> 8, port);
}

/** What a chain's rules may do: `filter` all but translate, `late` not even reject, and the two kinds of translation. */
type ChainKind = "filter" | "late" | "dnat" | "snat";

interface ChainPlan {
  readonly name: string;
  readonly kind: ChainKind;
  /** Chains of the same kind after it, to jump to without going in circles. */
  readonly below: readonly string[];
}

export class RuleMaker {
  readonly #random: () => number;
  /** How often something is asked for that the kernel refuses. */
  readonly #mistakes: number;

  constructor(random: () => number, mistakes: number) {
    this.#random = random;
    this.#mistakes = mistakes;
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }

  #pick<E>(list: readonly E[]): E {
    return list[this.#below(list.length)]!;
  }

  #chance(share: number): boolean {
    return this.#random() < share;
  }

  /** A whole table, to be committed at once. */
  commands(): Command[] {
    const chains: ChainPlan[] = (["filter", "late", "dnat", "snat"] as const).flatMap((kind) =>
      [0, 1, 2].map((index) => ({
        name: `${kind}${index}`,
        kind,
        below: [0, 1, 2].filter((other) => other > index).map((other) => `${kind}${other}`),
      })),
    );
    const commands: Command[] = [
      { op: "add table", table: { family: Family.inet, name: "t" } },
      ...SETS.map((set): Command => ({ op: "add set", set })),
      ...SETS.map((set): Command => ({ op: "add elements", set, elements: this.#elements(set) })),
      ...chains.map(({ name }): Command => ({ op: "add chain", chain: { ...T, name } })),
      // The kernel tracks connections only as long as some rule asks about them; the fake always does.
      { op: "add chain", chain: { ...T, name: "tracking" } },
      { op: "add rule", rule: { ...T, chain: "tracking", expressions: ctHas("state", 1) } },
    ];
    for (const kind of ["filter", "late", "dnat", "snat"] as const) {
      const set: SetDefinition = {
        ...T,
        name: `${kind}-verdicts`,
        kind: "verdict map",
        keyTypes: ["inet_service"],
        keyLength: 2,
        flags: {},
      };
      commands.push({ op: "add set", set });
      const elements = PORTS.filter(() => this.#chance(0.6)).map((port) => ({
        key: portBytes(port),
        verdict: this.#verdict([`${kind}2`]),
      }));
      commands.push({ op: "add elements", set, elements });
    }
    for (const chain of chains)
      for (let count = this.#below(3); count > 0; count--) commands.push(this.#rule(chain));
    for (let index = 1 + this.#below(6); index > 0; index--)
      commands.push(...this.#baseChain(`base${index}`));
    return commands;
  }

  #baseChain(name: string): Command[] {
    const kind = this.#pick<ChainKind>(["filter", "filter", "late", "dnat", "snat"]);
    const hook = this.#pick(
      {
        filter: ["prerouting", "input", "forward", "output"] as const,
        late: ["prerouting", "input", "forward", "output", "postrouting"] as const,
        dnat: ["prerouting", "output"] as const,
        snat: ["postrouting", "input"] as const,
      }[kind],
    );
    const isNat = kind === "dnat" || kind === "snat";
    const asksInterface = this.#chance(0.3) ? this.#interfaceRules(name, hook) : [];
    const priority = this.#pick(
      isNat ? [-150, -100, 0, 100, 300] : [-300, -150, -101, -100, -99, 0, 50, 99, 100, 101, 300],
    );
    const policy = this.#chance(0.15) ? "drop" : "accept";
    const type = this.#chance(this.#mistakes) ? "nat" : isNat ? "nat" : "filter";
    const names = [0, 1, 2].map((index) => `${kind}${index}`);
    const chain = { name, kind, below: names };
    return [
      { op: "add chain", chain: { ...T, name, base: { type, hook: Hook[hook], priority, policy } } },
      ...passAnswers(name),
      ...asksInterface,
      ...Array.from({ length: 1 + this.#below(4) }, () => this.#rule(chain)),
    ];
  }

  /** Questions to the routing table that only this hook can ask. */
  #interfaceRules(chain: string, hook: string): Command[] {
    const end = this.#pick(["saddr", "daddr"] as const);
    const name = paddedName(this.#pick(INTERFACES));
    const own = hook === "output" || hook === "postrouting" ? "oif" : "iif";
    const questions: Expression[][] = [
      [this.#fib("type", [end, own]), equals(reg(0), hostBytes(this.#pick(ADDRESS_TYPES)))],
    ];
    if (hook === "prerouting" || hook === "input" || hook === "forward")
      questions.push(
        [this.#fib("oif", [end]), equals(reg(0), hostBytes(this.#below(4)))],
        [this.#fib("oifname", [end]), equals(reg(0), name)],
        [this.#fib("oif", [end, "iif"]), equals(reg(0), hostBytes(this.#below(4)))],
      );
    const expressions = [...this.#pick(questions), { type: "counter" } as const];
    return [{ op: "add rule", rule: { ...T, chain, expressions } }];
  }

  #fib(result: Of<"fib">["result"], flags: Of<"fib">["flags"]): Expression {
    return { type: "fib", result, flags, dreg: reg(0) };
  }

  /** Remembers something of the packet, or forgets it. */
  #memory(): Expression[] {
    const end = field(this.#pick(["ip daddr", "ip saddr"]), reg(0));
    const remember = this.#pick(["add", "update"] as const);
    const lifetime = this.#chance(0.5) ? { timeout: 2 * HOUR } : {};
    // What packets delete counts against the limit until the kernel's next collection: so not of sets that get full.
    if (this.#chance(0.3))
      return [...isIpv4(), end, { type: "dynset", op: remember, set: "few", keySreg: reg(0) }];
    const op = this.#chance(0.25) ? "delete" : remember;
    if (this.#chance(0.5))
      return [...isIpv4(), end, { type: "dynset", op, set: "seen", keySreg: reg(0), ...lifetime }];
    return [
      ...isIpv4(),
      end,
      field("th dport", reg(1)),
      { type: "immediate", dreg: reg(2), value: hostBytes(this.#below(4)) },
      { type: "dynset", op, set: "seen-marks", keySreg: reg(0), dataSreg: reg(2), ...lifetime },
    ];
  }

  #rule(chain: ChainPlan): Command {
    const expressions: Expression[] = [];
    for (let count = this.#below(3); count > 0; count--) expressions.push(...this.#condition());
    expressions.push(...this.#action(chain));
    return { op: "add rule", rule: { ...T, chain: chain.name, expressions } };
  }

  #elements(set: SetDefinition): SetElement[] {
    const data = (): Pick<SetElement, "data"> =>
      set.kind === "map" ? { data: hostBytes(this.#below(4)) } : {};
    if (set.flags.dynamic === true) return [];
    if (set.name === "boxes")
      return ["10.1.1.0", "10.96.0.8", "11.1.1.1"]
        .filter(() => this.#chance(0.7))
        .map((start) => {
          const [first, port] = [bytes(start), this.#below(1000)];
          const last = first.with(3, first[3]! + this.#below(100));
          return {
            key: Uint8Array.of(...first, ...portBytes(port), 0, 0),
            keyEnd: Uint8Array.of(...last, ...portBytes(port + this.#below(60_000)), 0, 0),
            ...data(),
          };
        });
    if (set.flags.interval === true)
      return ["10.1.1.0", "10.96.0.8", "11.1.1.1"]
        .filter(() => this.#chance(0.7))
        .flatMap((start) => {
          const key = bytes(start);
          const end = key.with(3, key[3]! + 1 + this.#below(100));
          return [
            { key, ...data() },
            { key: end, intervalEnd: true },
          ];
        });
    if (set.name === "ports")
      return ADDRESSES.filter(() => this.#chance(0.5)).map((address) => ({
        key: Uint8Array.of(
          ...bytes(address),
          this.#pick([6, 17]),
          0,
          0,
          0,
          ...portBytes(this.#pick(PORTS)),
          0,
          0,
        ),
      }));
    const keys = set.name === "marks" ? PORTS.map(portBytes) : ADDRESSES.map(bytes);
    return keys.filter(() => this.#chance(0.6)).map((key) => ({ key, ...data() }));
  }

  #condition(): Expression[] {
    const r = this.#below(3);
    const [a, b, c] = [reg(r * 4), reg(r * 4 + 1), reg(r * 4 + 2)];
    const operator = this.#pick(OPERATORS);
    const cmp = (value: Uint8Array): Expression => ({ type: "cmp", sreg: a, op: operator, value });
    const is = (key: Of<"meta">["key"], value: Uint8Array): Expression[] => [
      meta(key, a),
      { type: "cmp", sreg: a, op: this.#pick(["==", "!="]), value },
    ];
    const invert = this.#chance(0.3) ? { invert: true } : {};
    const address = field(this.#pick(["ip daddr", "ip saddr"]), a);
    const direction = this.#pick(["original", "reply"] as const);
    const choices: (() => Expression[])[] = [
      () => (this.#chance(0.7) ? isIpv4() : isIpv6()),
      () => is("l4proto", Uint8Array.of(this.#pick([1, 6, 17, 58]))),
      () => is("protocol", this.#pick([Uint8Array.of(8, 0), Uint8Array.of(0x86, 0xdd)])),
      () => is(this.#pick(["iifname", "oifname"]), paddedName(this.#pick(INTERFACES))),
      () => is(this.#pick(["iif", "oif"]), hostBytes(this.#below(4))),
      () => is("mark", hostBytes(this.#below(4))),
      () => [address, cmp(bytes(this.#pick(ADDRESSES)))],
      () => [field("ip6 daddr", this.#pick([1, 2, 3, 4, reg(0)])), ...isIpv4()],
      () => [field("th dport", a), cmp(portBytes(this.#pick(PORTS)))],
      () => [field("th sport", a), cmp(portBytes(1000 + this.#below(3000)))],
      () => [{ type: "payload", base: "transport", offset: 13, length: 1, dreg: a }, cmp(Uint8Array.of(2))],
      () => [
        { type: "payload", base: "network", offset: this.#pick([0, 12, 16, 20, 40, 60]), length: 4, dreg: a },
        cmp(hostBytes(0)),
      ],
      () => [
        address,
        {
          type: "bitwise",
          sreg: a,
          dreg: b,
          mask: Uint8Array.of(255, 255, 255, 0),
          xor: bytes(this.#pick(["0.0.0.0", "10.1.1.0"])),
        },
        equals(b, bytes(this.#pick(["10.1.1.0", "0.0.0.0"]))),
      ],
      () => ctHas("state", this.#pick([1, 2, 8, 10])),
      () => ctHas("status", this.#pick([2, 8, 16, 32, 256])),
      () => [{ type: "ct", key: "direction", dreg: a }, equals(a, Uint8Array.of(this.#below(2)))],
      () => [
        { type: "ct", key: this.#pick(["src ip", "dst ip"]), direction, dreg: a },
        cmp(bytes(this.#pick(ADDRESSES))),
      ],
      () => [{ type: "ct", key: "proto dst", direction, dreg: a }, cmp(portBytes(this.#pick(PORTS)))],
      () => [{ type: "ct", key: "protocol", dreg: a }, equals(a, Uint8Array.of(this.#pick([6, 17])))],
      () => [{ type: "ct", key: "mark", dreg: a }, equals(a, hostBytes(0))],
      () => [
        ...isIpv4(),
        address,
        { type: "lookup", set: this.#pick(["hosts", "nets"]), sreg: a, ...invert },
      ],
      () => [
        address,
        meta("l4proto", b),
        field("th dport", c),
        { type: "lookup", set: "ports", sreg: a, ...invert },
      ],
      () => [
        field("th dport", a),
        { type: "lookup", set: "marks", sreg: a, dreg: b },
        equals(b, hostBytes(this.#below(4))),
      ],
      () => [
        address,
        { type: "lookup", set: "net-marks", sreg: a, dreg: a },
        { type: "meta set", key: "mark", sreg: a },
      ],
      () => [
        address,
        field("th dport", b),
        { type: "jhash", sreg: a, length: 8, modulus: 2, seed: this.#below(9), offset: 0, dreg: c },
        equals(c, hostBytes(0)),
      ],
      () => [
        { type: "numgen", mode: "incremental", modulus: 2, offset: 1, dreg: a },
        equals(a, hostBytes(1)),
      ],
    ];
    choices.push(
      () => [
        this.#fib("type", [this.#pick(["saddr", "daddr"])]),
        {
          type: "cmp",
          sreg: reg(0),
          op: this.#pick(["==", "!="]),
          value: hostBytes(this.#pick(ADDRESS_TYPES)),
        },
      ],
      () => this.#memory(),
      () => this.#memory(),
      () => [...isIpv4(), address, { type: "lookup", set: this.#pick(["seen", "few"]), sreg: a, ...invert }],
      () => [
        ...isIpv4(),
        address,
        field("th dport", b),
        { type: "lookup", set: this.#pick(["seen-marks", "boxes"]), sreg: a, dreg: c },
        { type: "cmp", sreg: c, op: operator, value: hostBytes(this.#below(4)) },
      ],
    );
    if (this.#chance(this.#mistakes)) return this.#mistake();
    return this.#pick(choices)();
  }

  #mistake(): Expression[] {
    return this.#pick<Expression[]>([
      [equals(reg(15), hostBytes(1))],
      [{ type: "lookup", set: "nowhere", sreg: reg(0) }],
      [field("ip daddr", reg(0)), { type: "lookup", set: "hosts", sreg: reg(0), dreg: reg(1) }],
      [field("th dport", reg(0)), { type: "lookup", set: "ports", sreg: reg(0) }],
      [field("th dport", reg(0)), { type: "lookup", set: "marks", sreg: reg(0), dreg: REG_VERDICT }],
      [{ type: "numgen", mode: "random", modulus: 0, offset: 0, dreg: reg(0) }],
      [{ type: "ct", key: "dst ip", dreg: reg(0) }],
      [field("ip6 daddr", reg(13))],
      [{ type: "verdict", verdict: { code: "jump", chain: "nowhere" } }],
      [{ type: "verdict", verdict: { code: "goto", chain: "base1" } }],
      [{ type: "masquerade" }],
      [{ type: "reject", with: "tcp reset" }],
      [this.#fib("oif", ["daddr"])],
      [this.#fib("type", ["daddr", "iif"])],
      [this.#fib("type", ["daddr", "saddr"])],
      [this.#fib("type", ["iif"])],
      [this.#fib("oif", ["daddr", "oif"])],
      [field("ip daddr", reg(0)), { type: "dynset", op: "add", set: "nets", keySreg: reg(0) }],
      [field("ip daddr", reg(0)), { type: "dynset", op: "add", set: "few", keySreg: reg(0), timeout: HOUR }],
      [field("ip daddr", reg(0)), { type: "dynset", op: "add", set: "seen", keySreg: reg(1) }],
      [field("ip6 daddr", reg(0)), { type: "dynset", op: "add", set: "seen-marks", keySreg: reg(0) }],
      [
        field("ip6 daddr", reg(0)),
        { type: "dynset", op: "add", set: "seen", keySreg: reg(0), dataSreg: reg(1) },
      ],
      [field("ip daddr", reg(0)), { type: "dynset", op: "add", set: "hosts", keySreg: reg(0) }],
      [{ type: "dynset", op: "add", set: "nowhere", keySreg: reg(0) }],
    ]);
  }

  #verdict(targets: readonly string[]): Verdict {
    if (targets.length > 0 && this.#chance(0.6))
      return { code: this.#pick(["jump", "goto"]), chain: this.#pick(targets) };
    return { code: this.#pick(["accept", "accept", "drop", "return", "continue"]) };
  }

  #action({ kind, below }: ChainPlan): Expression[] {
    const verdicts = `${kind}-verdicts`;
    const choices: (() => Expression[])[] = [
      () => [{ type: "counter" }, { type: "verdict", verdict: this.#verdict(below) }],
      () => [{ type: "verdict", verdict: this.#verdict(below) }],
      () => [
        { type: "immediate", dreg: reg(3), value: hostBytes(this.#below(4)) },
        { type: "meta set", key: "mark", sreg: reg(3) },
      ],
    ];
    if (below.length > 0)
      choices.push(() => [
        field("th dport", reg(5)),
        { type: "lookup", set: verdicts, sreg: reg(5), dreg: REG_VERDICT },
      ]);
    if (kind === "filter")
      choices.push(() => [{ type: "reject", with: this.#pick(["tcp reset", "icmpx port-unreachable"]) }]);
    if (kind === "dnat")
      choices.push(
        () => this.#dnat(),
        () => this.#dnat(),
      );
    if (kind === "snat") choices.push(() => this.#snat());
    return this.#pick(choices)();
  }

  #dnat(): Expression[] {
    const six = this.#chance(0.3);
    const [a, b] = [reg(0), reg(4)];
    const address = this.#pick(
      six
        ? ["fd10::1", "fd10::2", "fd11::fe"]
        : ["10.1.1.1", "10.1.1.4", "11.1.1.1", "11.1.1.254", "10.1.1.254"],
    );
    const family = six ? Family.ip6 : Family.ip;
    const target: Expression = { type: "immediate", dreg: a, value: bytes(address) };
    const nat = { type: "nat", kind: "dnat", family, address: a } as const;
    if (this.#chance(0.3)) return [target, nat];
    // An echo request's port is its identifier: two of the same sender to the same port would be one connection.
    return [
      meta("l4proto", b),
      equals(b, Uint8Array.of(this.#pick([6, 17]))),
      target,
      { type: "immediate", dreg: b, value: portBytes(this.#pick(PORTS)) },
      { ...nat, port: b },
    ];
  }

  #snat(): Expression[] {
    if (this.#chance(0.5)) return [{ type: "masquerade" }];
    const six = this.#chance(0.3);
    const address = this.#pick(six ? ["fd11::fe", "fd10::77"] : ["10.1.1.254", "10.1.1.77", "192.0.2.99"]);
    return [
      { type: "immediate", dreg: reg(0), value: bytes(address) },
      { type: "nat", kind: "snat", family: six ? Family.ip6 : Family.ip, address: reg(0) },
    ];
  }
}

/** Lets answers of the host itself pass: what becomes of those is not asked here. */
function passAnswers(chain: string): Command[] {
  const accept: Expression = { type: "verdict", verdict: { code: "accept" } };
  const rule = (...expressions: Expression[]): Command => ({
    op: "add rule",
    rule: { ...T, chain, expressions } satisfies Rule,
  });
  const icmp = (protocol: number, type: number): Command =>
    rule(
      meta("l4proto", reg(0)),
      equals(reg(0), Uint8Array.of(protocol)),
      { type: "payload", base: "transport", offset: 0, length: 1, dreg: reg(0) },
      equals(reg(0), Uint8Array.of(type)),
      accept,
    );
  return [
    icmp(1, 0),
    icmp(1, 3),
    icmp(58, 1),
    icmp(58, 129),
    icmp(58, 133),
    icmp(58, 143),
    rule(
      meta("l4proto", reg(0)),
      equals(reg(0), Uint8Array.of(6)),
      { type: "payload", base: "transport", offset: 13, length: 1, dreg: reg(0) },
      { type: "bitwise", sreg: reg(0), dreg: reg(0), mask: Uint8Array.of(4), xor: Uint8Array.of(0) },
      equals(reg(0), Uint8Array.of(4)),
      accept,
    ),
  ];
}

function paddedName(name: string): Uint8Array {
  const padded = new Uint8Array(16);
  padded.set(Buffer.from(name));
  return padded;
}
