/**
 * Containers and services that come, go and change at random, by the engine's API and netmaster's REST alone. What was
 * asked for is remembered; what a container is, only Docker knows.
 */
import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { setTimeout as delay } from "node:timers/promises";
import type { ServiceConfig } from "../../src/contiv/wire.ts";
import { IMAGE } from "../lab/docker-engine.ts";
import { wordsOf } from "../lab/docker-api.ts";
import type { ContivLab, InspectedService, RestAnswer } from "../lab/contiv-lab.ts";
import { NAMESPACE_LABEL, type PortMapping, type WantedService } from "./contiv-truth.ts";

export interface ChurnSizes {
  readonly services: number;
  readonly containers: number;
  /** Requests to the engine at a time. */
  readonly workers: number;
  /** Requests to netmaster a second, at most. */
  readonly restRate: number;
}

interface Net {
  readonly tenant: string;
  readonly name: string;
  readonly subnet: string;
  readonly isInfra: boolean;
}

const TENANTS = ["default", "blue", "green"];
const LABELS: Readonly<Record<string, readonly string[]>> = {
  tier: ["web", "db", "cache"],
  release: ["stable", "canary"],
  environment: ["prod", "test"],
};
/** Comes and goes, used or not. */
const SPARE: Net = { tenant: "blue", name: "spare", subnet: "10.79.9.0/24", isInfra: false };
/** Milliseconds after which the deletion of a network must wait for something. */
const LONG_DELETION = 1000;
/** Milliseconds between datagrams to each UDP port. */
const UDP_INTERVAL = 200;

export class ContivChurn implements AsyncDisposable {
  readonly services: Map<string, WantedService> = new Map();
  /** All addresses that services have had. */
  readonly vips: Set<string> = new Set();
  /** How often each thing was done. */
  readonly done: Map<string, number> = new Map();
  readonly #lab: ContivLab;
  readonly #sizes: ChurnSizes;
  readonly #random: () => number;
  readonly #nets: Net[];
  readonly #containers = new Set<string>();
  readonly #busy = new Set<string>();
  readonly #udp: Socket;
  #working: Promise<unknown>[] = [];
  #isGoing = false;
  #serial = 0;
  #ending = new AbortController();

  /** Makes tenants and networks. */
  static async prepare(lab: ContivLab, sizes: ChurnSizes, random: () => number): Promise<ContivChurn> {
    const churn = new ContivChurn(lab, sizes, random);
    for (const tenant of TENANTS.slice(1))
      await lab.must("POST", `/api/v1/tenants/${tenant}/`, { tenantName: tenant });
    for (const net of churn.#nets) await lab.must("POST", networkPath(net), networkBody(net));
    return churn;
  }

  private constructor(lab: ContivLab, sizes: ChurnSizes, random: () => number) {
    this.#lab = lab;
    this.#sizes = sizes;
    this.#random = random;
    this.#nets = TENANTS.flatMap((tenant, i) => [
      { tenant, name: "front", subnet: `10.7${i}.1.0/24`, isInfra: false },
      { tenant, name: "back", subnet: `10.7${i}.2.0/24`, isInfra: false },
      { tenant, name: "vips", subnet: `100.7${i}.1.0/24`, isInfra: true },
    ]);
    this.#udp = createSocket({ type: "udp4" });
    // Ports of containers that nobody listens on, and addresses that have gone.
    this.#udp.on("error", () => {});
    void this.#sendDatagrams();
  }

  start(): void {
    this.#isGoing = true;
    const workers = Array.from({ length: this.#sizes.workers }, () =>
      this.#repeat(() => this.#changeContainer()),
    );
    const period = 1000 / this.#sizes.restRate;
    const rest = this.#repeat(async () => {
      await Promise.all([this.#changeService(), delay(period)]);
    });
    this.#working = [...workers, rest];
  }

  /** Rejects with the first thing that goes wrong; never resolves. */
  get failed(): Promise<never> {
    return Promise.all(this.#working).then(() => new Promise<never>(() => {}));
  }

  /** Resolves when nothing is under way any more. Throws the first thing that went wrong. */
  async pause(): Promise<void> {
    this.#isGoing = false;
    await Promise.all(this.#working);
  }

  /** Takes everything away that was made. */
  async removeAll(): Promise<void> {
    const { docker } = this.#lab;
    const { workers } = this.#sizes;
    await inTurns(
      workers,
      (await docker.containers()).map(({ Id }) => Id),
      async (id) => {
        await docker.must("DELETE", `/containers/${id}?force=1`);
      },
    );
    await inTurns(4, [...this.services.values()], async (service) => {
      await this.#lab.must("DELETE", servicePath(service));
      this.services.delete(keyOf(service));
    });
    for (const net of this.#nets) await this.#lab.must("DELETE", networkPath(net));
    for (const tenant of TENANTS.slice(1)) await this.#lab.must("DELETE", `/api/v1/tenants/${tenant}/`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isGoing = false;
    this.#ending.abort();
    await Promise.allSettled(this.#working);
    await new Promise<void>((resolve) => this.#udp.close(resolve));
  }

  async #repeat(step: () => Promise<void>): Promise<void> {
    while (this.#isGoing)
      try {
        await step();
      } catch (error) {
        this.#isGoing = false;
        throw error;
      }
  }

  async #changeContainer(): Promise<void> {
    const { docker } = this.#lab;
    const missing = this.#sizes.containers - this.#containers.size;
    if (missing > 0 && this.#chance(missing > this.#sizes.containers / 4 ? 0.9 : 0.4))
      return this.#runContainer();
    const id = this.#free([...this.#containers]);
    if (id === undefined) return delay(5);
    const at = `/containers/${id}`;
    await this.#with(id, async () => {
      switch (
        this.#pick([
          "start",
          "start",
          "unpause",
          "stop",
          "kill",
          "pause",
          "restart",
          "remove",
          "connect",
          "disconnect",
        ])
      ) {
        case "start":
          return this.#ask("start", "POST", `${at}/start`);
        case "stop":
          return this.#ask("stop", "POST", `${at}/stop?t=0`);
        case "kill":
          return this.#ask("kill", "POST", `${at}/kill`);
        case "pause":
          return this.#ask("pause", "POST", `${at}/pause`);
        case "unpause":
          return this.#ask("unpause", "POST", `${at}/unpause`);
        case "restart":
          return this.#ask("restart", "POST", `${at}/restart?t=0`);
        case "connect":
          return this.#ask("connect", "POST", `/networks/${await this.#engineNetwork()}/connect`, {
            Container: id,
          });
        case "disconnect": {
          const own = (await docker.containers()).find(({ Id }) => Id === id)?.NetworkSettings.Networks ?? {};
          const names = Object.keys(own);
          if (names.length === 0) return;
          // By its name: of one that has not run yet, the engine does not say the network's id.
          const network = this.#pick(names);
          return this.#ask("disconnect", "POST", `/networks/${network}/disconnect`, { Container: id });
        }
        default:
          await docker.must("DELETE", `${at}?force=1`);
          this.#containers.delete(id);
          this.#count("remove");
      }
    });
  }

  async #runContainer(): Promise<void> {
    const net = this.#pick(this.#nets.filter(({ isInfra }) => !isInfra));
    const Labels: Record<string, string> = { version: `1.${this.#below(9)}` };
    for (const [key, values] of Object.entries(LABELS))
      if (this.#chance(0.9)) Labels[key] = this.#pick(values);
    if (this.#chance(0.15)) Labels[NAMESPACE_LABEL] = this.#pick(TENANTS);
    const name = `c${++this.#serial}`;
    // Some end by themselves.
    const Cmd = ["sleep", this.#chance(0.1) ? String(1 + this.#below(8)) : "100000"];
    const HostConfig = { NetworkMode: engineName(net) };
    const body = { Image: IMAGE, Cmd, Labels, HostConfig, StopTimeout: 1 };
    const answer = await this.#lab.docker.call("POST", `/containers/create?name=${name}`, body);
    const { Id: id } = (answer.body ?? {}) as { Id?: string };
    if (id === undefined) throw new Error(`create: ${answer.status} ${wordsOf(answer)}`);
    this.#containers.add(id);
    this.#count("create");
    await this.#with(id, () => this.#ask("start", "POST", `/containers/${id}/start`));
  }

  /** What does not fit a container's state is refused, and changes nothing. */
  async #ask(what: string, method: string, path: string, body?: object): Promise<void> {
    const answer = await this.#lab.docker.call(method, path, body);
    if (answer.status < 300) return this.#count(what);
    // It has no status of its own for all of these.
    const isUnfit = /is (not|already) (paused|running|connected)/.test(wordsOf(answer));
    if (isUnfit || [304, 403, 404, 409].includes(answer.status)) return this.#count("refused by the engine");
    throw new Error(`${method} ${path}: ${answer.status} ${wordsOf(answer)}`);
  }

  async #engineNetwork(): Promise<string> {
    const networks = await this.#lab.docker.networks();
    const ours = networks.filter(({ Name }) => !["bridge", "host", "none"].includes(Name));
    return this.#pick(ours).Id;
  }

  async #changeService(): Promise<void> {
    const missing = this.#sizes.services - this.services.size;
    if (missing > 0 && this.#chance(missing > this.#sizes.services / 4 ? 0.9 : 0.4))
      return this.#createService();
    const key = this.#free([...this.services.keys()]);
    if (key === undefined) return;
    await this.#with(key, () => {
      const service = this.services.get(key)!;
      switch (
        this.#pick([
          "ports",
          "ports",
          "selectors",
          "selectors",
          "network",
          "delete",
          "delete",
          "taken",
          "spare",
          "same",
        ])
      ) {
        case "ports":
          return this.#update("ports", { ...service, ports: this.#somePorts() });
        case "selectors":
          return this.#update("selectors", { ...service, selectors: this.#someSelectors() });
        case "network":
          return this.#moveService(service);
        case "same":
          return this.#update("same", service);
        case "taken":
          return this.#askForTaken(service);
        case "spare":
          return this.#toggleSpare();
        default:
          return this.#deleteService(service);
      }
    });
  }

  async #createService(): Promise<void> {
    const net = this.#pick(this.#nets);
    const name = `s${++this.#serial}`;
    const wanted = this.#chance(0.3) ? `${net.subnet.replace(/\.0\/24$/, "")}.${3 + this.#below(120)}` : "";
    const service: WantedService = {
      tenant: net.tenant,
      name,
      network: net.name,
      vip: "",
      selectors: this.#someSelectors(),
      ports: this.#somePorts(),
    };
    const answer = await this.#lab.rest("POST", servicePath(service), bodyOf(service, wanted));
    const taken = [...this.services.values()].some(({ vip }) => vip === wanted);
    if (answer.status >= 300) {
      // A Network that goes, an address that another service has.
      assert.ok(taken || net === SPARE, refusal("create", service, wanted, answer));
      return this.#count("create refused");
    }
    assert.ok(!taken, `${wanted} was given twice`);
    await this.#remember("service", service, wanted);
  }

  /** With the address that it has now. */
  async #remember(what: string, service: WantedService, wanted = ""): Promise<void> {
    const { Oper } = (await this.#lab.must(
      "GET",
      `/api/v1/inspect/serviceLBs/${keyOf(service)}/`,
    )) as InspectedService;
    const vip = Oper.serviceVip;
    const net = this.#nets.find(({ tenant, name }) => tenant === service.tenant && name === service.network);
    assert.equal(
      vip.split(".").slice(0, 3).join("."),
      net?.subnet.split(".").slice(0, 3).join("."),
      keyOf(service),
    );
    if (wanted !== "") assert.equal(vip, wanted);
    const others = [...this.services.values()].filter((other) => keyOf(other) !== keyOf(service));
    assert.ok(!others.some((other) => other.vip === vip), `${vip} is two services'`);
    this.vips.add(vip);
    this.services.set(keyOf(service), { ...service, vip });
    this.#count(what);
  }

  /** The address stays. */
  async #update(what: string, service: WantedService): Promise<void> {
    await this.#lab.must("POST", servicePath(service), bodyOf(service));
    await this.#remember(what, service, service.vip);
  }

  async #moveService(service: WantedService): Promise<void> {
    const nets = this.#nets.filter((net) => net !== SPARE && net.tenant === service.tenant);
    const { name } = this.#pick(nets.filter((net) => net.name !== service.network));
    await this.#lab.must("POST", servicePath(service), bodyOf({ ...service, network: name }));
    await this.#remember("network of a service", { ...service, network: name });
  }

  async #deleteService(service: WantedService): Promise<void> {
    await this.#lab.must("DELETE", servicePath(service));
    this.services.delete(keyOf(service));
    this.#count("delete");
  }

  /** An address that another service has is refused, and nothing is left of the request. */
  async #askForTaken(service: WantedService): Promise<void> {
    const other = { ...service, name: `t${++this.#serial}` };
    const answer = await this.#lab.rest("POST", servicePath(other), bodyOf(other, service.vip));
    assert.ok(answer.status >= 400 && answer.status < 500, refusal("taken", other, service.vip, answer));
    assert.equal((await this.#lab.rest("GET", servicePath(other))).status, 404);
    this.#count("taken address refused");
  }

  async #toggleSpare(): Promise<void> {
    if (this.#busy.has("spare")) return;
    await this.#with("spare", async () => {
      const at = this.#nets.indexOf(SPARE);
      if (at < 0) {
        await this.#lab.must("POST", networkPath(SPARE), networkBody(SPARE));
        this.#nets.push(SPARE);
        return this.#count("network");
      }
      this.#nets.splice(at, 1);
      const deletion = this.#lab.rest("DELETE", networkPath(SPARE));
      const answer =
        (await Promise.race([deletion, delay(LONG_DELETION)])) ?? (await this.#emptySpare(deletion));
      if (answer.status < 300 || (answer.isSecond && answer.status === 404))
        return this.#count("delete a network");
      assert.equal(answer.status, 409, JSON.stringify(answer.body));
      assert.match(JSON.stringify(answer.body), /has \d+ services|active endpoints/);
      // It is no other than it was, and is not about to go.
      await this.#lab.must("POST", networkPath(SPARE), networkBody(SPARE));
      this.#nets.push(SPARE);
      this.#count("network in use stays");
    });
  }

  /**
   * Takes all containers off it until it has been answered. One that is being started when its network is deleted comes
   * too late to keep it, and the network goes with the last of them.
   */
  async #emptySpare(deletion: Promise<RestAnswer>): Promise<RestAnswer> {
    const name = engineName(SPARE);
    let answer: RestAnswer | undefined;
    for (let taken = 0; answer === undefined;) {
      const on = (await this.#lab.docker.containers()).filter(
        ({ NetworkSettings }) => NetworkSettings.Networks[name] !== undefined,
      );
      for (const { Id } of on)
        await this.#lab.docker.call("POST", `/networks/${name}/disconnect`, { Container: Id });
      if (taken === 0 && on.length > 0) this.#count("network goes with its last container");
      taken += on.length;
      answer = (await Promise.race([deletion, delay(50)])) ?? undefined;
    }
    return answer;
  }

  #somePorts(): PortMapping[] {
    const port = 1000 + this.#below(60_000);
    const one = { port, target: 80, protocol: this.#chance(0.3) ? "UDP" : "TCP" } as const;
    if (this.#chance(0.6)) return [one];
    return [one, { port: port + 1, target: 7070, protocol: this.#chance(0.5) ? "UDP" : "TCP" }];
  }

  #someSelectors(): Record<string, string> {
    const keys = Object.keys(LABELS).filter(() => this.#chance(0.6));
    if (keys.length === 0) keys.push("tier");
    return Object.fromEntries(keys.map((key) => [key, this.#pick(LABELS[key]!)]));
  }

  /** So that the kernel remembers flows that must not outlive their providers. */
  async #sendDatagrams(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      for (const { vip, ports } of this.services.values())
        for (const { port, protocol } of ports)
          if (protocol === "UDP") this.#udp.send("x", port, vip, () => {});
      await delay(UDP_INTERVAL, undefined, { signal }).catch(() => undefined);
    }
  }

  async #with(key: string, work: () => Promise<void>): Promise<void> {
    this.#busy.add(key);
    try {
      await work();
    } finally {
      this.#busy.delete(key);
    }
  }

  #count(what: string): void {
    this.done.set(what, (this.done.get(what) ?? 0) + 1);
  }

  #free(keys: readonly string[]): string | undefined {
    const free = keys.filter((key) => !this.#busy.has(key));
    return free.length === 0 ? undefined : this.#pick(free);
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #chance(probability: number): boolean {
    return this.#random() < probability;
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#below(from.length)]!;
  }
}

export function keyOf({ tenant, name }: Pick<WantedService, "tenant" | "name">): string {
  return `${tenant}:${name}`;
}

function servicePath(service: Pick<WantedService, "tenant" | "name">): string {
  return `/api/v1/serviceLBs/${keyOf(service)}/`;
}

function networkPath({ tenant, name }: Net): string {
  return `/api/v1/networks/${tenant}:${name}/`;
}

function engineName({ tenant, name }: Net): string {
  return tenant === "default" ? name : `${name}/${tenant}`;
}

function networkBody({ tenant, name, subnet, isInfra }: Net): object {
  return { tenantName: tenant, networkName: name, subnet, nwType: isInfra ? "infra" : "data" };
}

function bodyOf(service: WantedService, ipAddress = ""): ServiceConfig {
  return {
    tenantName: service.tenant,
    serviceName: service.name,
    networkName: service.network,
    ipAddress,
    selectors: Object.entries(service.selectors).map(([key, value]) => `${key}=${value}`),
    ports: service.ports.map(({ port, target, protocol }) => `${port}:${target}:${protocol}`),
  };
}

function refusal(what: string, service: WantedService, wanted: string, { status, body }: RestAnswer): string {
  return `${what} of ${keyOf(service)} with ${wanted || "any address"}: ${status} ${JSON.stringify(body)}`;
}

async function inTurns<T>(
  width: number,
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}
