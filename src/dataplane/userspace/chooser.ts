/** What a client of a VirtualPort gets: a backend, a refusal, or no answer. A function of the table and its client. */
import { type Cidr, cidr, cidrContains, ip } from "../../base/ip.ts";
import type { Choice, VirtualPort } from "../table.ts";
import type { AffinityTable } from "./affinity.ts";
import { type Balancer, type Client, createBalancer } from "./balancer.ts";
import { type Target, targetOf } from "./target.ts";

export interface ChooserParts {
  /** 0 to below 1. */
  readonly random: () => number;
  /** Milliseconds that only grow. */
  readonly now: () => number;
  /** Whether an address is this machine's or a pod's. */
  readonly isInside: (address: string) => boolean;
}

/** The backends of some clients, ready to be picked from. */
export class CompiledChoice {
  readonly targets: readonly Target[];
  readonly whenEmpty: "refuse" | "drop";
  /** Equal for choices that pick alike. */
  readonly signature: string;
  /** Which clients keep which backend; undefined until it is decided who shares it. */
  affinity: AffinityTable | undefined;
  readonly #names: ReadonlyMap<string, Target>;
  readonly #balancer: Balancer;
  readonly #affinitySeconds: number | undefined;
  readonly #now: () => number;

  constructor(choice: Choice, port: VirtualPort, { random, now }: ChooserParts) {
    const balance = port.balance ?? "random";
    this.targets = choice.backends.map(targetOf);
    this.whenEmpty = choice.whenEmpty ?? "refuse";
    this.signature = signatureOf(choice, port);
    this.#names = new Map(this.targets.map((target) => [target.name, target]));
    this.#balancer = createBalancer(balance, this.targets, random);
    this.#affinitySeconds = port.affinity;
    this.#now = now;
  }

  has({ name }: Target): boolean {
    return this.#names.has(name);
  }

  /** The backend of a new connection of `client`, which has failed at those in `tried`; undefined if there is none left. */
  pick(client: Client | undefined, tried?: ReadonlySet<Target>): Target | undefined {
    const seconds = this.#affinitySeconds;
    if (seconds === undefined || this.affinity === undefined || client === undefined)
      return this.#balancer.pick(client, tried);
    const now = this.#now();
    const kept = this.#names.get(this.affinity.find(client.address, seconds, now) ?? "");
    const target =
      kept === undefined || tried?.has(kept) === true ? this.#balancer.pick(client, tried) : kept;
    if (target !== undefined) this.affinity.keep(client.address, target.name, seconds, now);
    return target;
  }
}

/** One VirtualPort's rules. */
export class Chooser {
  readonly port: VirtualPort;
  readonly all: CompiledChoice;
  readonly external: CompiledChoice | undefined;
  /** Whether the answer depends on who asks. */
  readonly needsClient: boolean;
  /** Everybody is refused: nothing needs to listen. */
  readonly refusesAll: boolean;
  readonly #sourceRanges: readonly Cidr[] | undefined;
  readonly #isInside: (address: string) => boolean;

  constructor(port: VirtualPort, parts: ChooserParts) {
    this.port = port;
    this.all = new CompiledChoice(port, port, parts);
    this.external = port.external && new CompiledChoice(port.external, port, parts);
    this.#sourceRanges = port.sourceRanges?.map(cidr);
    this.#isInside = parts.isInside;
    const isHash = port.balance === "source" || port.balance === "source-port";
    this.needsClient =
      isHash ||
      port.affinity !== undefined ||
      this.external !== undefined ||
      this.#sourceRanges !== undefined;
    this.refusesAll = this.choices.every(
      ({ targets, whenEmpty }) => targets.length === 0 && whenEmpty === "refuse",
    );
  }

  get choices(): readonly CompiledChoice[] {
    return this.external === undefined ? [this.all] : [this.all, this.external];
  }

  /** Whose choice `client` has, which is undefined only where that does not matter; "drop" if it may not connect. */
  choiceFor(client: Client | undefined): CompiledChoice | "drop" {
    if (client === undefined) return this.all;
    if (this.#sourceRanges !== undefined) {
      const address = ip(client.address);
      if (!this.#sourceRanges.some((range) => cidrContains(range, address))) return "drop";
    }
    return this.external !== undefined && !this.#isInside(client.address) ? this.external : this.all;
  }

  /** Whether any client may be on `target`. */
  has(target: Target): boolean {
    return this.all.has(target) || this.external?.has(target) === true;
  }
}

/** Whether two ports are served alike: the order of backends does not matter. */
export function isSameService(a: VirtualPort, b: VirtualPort): boolean {
  return portSignature(a) === portSignature(b);
}

function portSignature(port: VirtualPort): string {
  const external = port.external === undefined ? "" : signatureOf(port.external, port);
  const ranges = (port.sourceRanges ?? ["any"]).join(" ");
  return [signatureOf(port, port), external, ranges, port.service, port.portName].join("|");
}

function signatureOf(choice: Choice, { balance = "random", affinity }: VirtualPort): string {
  const backends = choice.backends
    .map(({ address, port, weight = 1 }) => `${address} ${port} ${weight}`)
    .sort();
  return [...backends, choice.whenEmpty ?? "refuse", balance, affinity ?? "none"].join(",");
}
