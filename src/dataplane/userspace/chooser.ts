/** What a client of a VirtualPort gets: a backend, a refusal, or no answer. A function of the table and its client. */
import { type Cidr, cidr, cidrContains, ip } from "../../base/ip.ts";
import { affinityOf, type Choice, type VirtualPort } from "../table.ts";
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
  /** Equal for choices that share their memory of clients, if their ports do (affinity-groups.ts). */
  readonly sharing: string;
  /** Which clients keep which backend; undefined until it is decided who shares it. */
  affinity: AffinityTable | undefined;
  readonly #names: ReadonlyMap<string, Target>;
  /** By what they are called in the memory of clients. */
  readonly #remembered: ReadonlyMap<string, Target>;
  readonly #isLeastClients: boolean;
  readonly #balancer: Balancer;
  readonly #affinitySeconds: number | undefined;
  readonly #now: () => number;

  constructor(choice: Choice, port: VirtualPort, { random, now }: ChooserParts) {
    const balance = port.balance ?? "random";
    this.targets = choice.backends.map(targetOf);
    this.whenEmpty = choice.whenEmpty ?? "refuse";
    this.signature = signatureOf(choice, port);
    this.#names = new Map(this.targets.map((target) => [target.name, target]));
    this.#isLeastClients = balance === "least-clients";
    this.#remembered = this.#isLeastClients ? byContainer(choice, this.targets) : this.#names;
    this.sharing = this.#isLeastClients ? (choice === port ? "all" : "external") : this.signature;
    this.#balancer = createBalancer(balance, this.targets, random);
    this.#affinitySeconds = affinityOf(port);
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
    const kept = this.affinity.find(client.address, seconds, now) ?? "";
    const same = this.#remembered.get(kept);
    if (same !== undefined && tried?.has(same) !== true) {
      this.affinity.keep(client.address, kept, seconds, now);
      return same;
    }
    if (this.#isLeastClients) return this.#pickLeast(this.affinity, client, tried);
    const target = this.#balancer.pick(client, tried);
    if (target !== undefined) this.affinity.keep(client.address, target.name, seconds, now);
    return target;
  }

  /** The one with the fewest clients for its weight; of equals the first. */
  #pickLeast(
    affinity: AffinityTable,
    client: Client,
    tried: ReadonlySet<Target> | undefined,
  ): Target | undefined {
    const [seconds, now] = [this.#affinitySeconds!, this.#now()];
    affinity.expire(seconds, now);
    let least: { readonly name: string; readonly target: Target; readonly clients: number } | undefined;
    for (const [name, target] of this.#remembered) {
      if (tried?.has(target) === true) continue;
      const clients = affinity.clients(name);
      if (least === undefined || clients * least.target.weight < least.clients * target.weight)
        least = { name, target, clients };
    }
    if (least !== undefined) affinity.keep(client.address, least.name, seconds, now);
    return least?.target;
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
      affinityOf(port) !== undefined ||
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

/**
 * Backends by address, whatever their ports: what a container is on each port of its Service. Several with one address
 * (processes of a host) are told apart by the order of their ports.
 */
function byContainer({ backends }: Choice, targets: readonly Target[]): Map<string, Target> {
  const found = new Map<string, Target>();
  const order = backends.map((backend, index) => ({ ...backend, index })).sort((a, b) => a.port - b.port);
  const seen = new Map<string, number>();
  const names: string[] = [];
  for (const { address, index } of order) {
    const before = seen.get(address) ?? 0;
    seen.set(address, before + 1);
    names[index] = before === 0 ? address : `${address} ${before}`;
  }
  for (const [index, target] of targets.entries()) found.set(names[index]!, target);
  return found;
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
