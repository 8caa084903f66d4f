/**
 * Keeps the way open from every container to every virtual address: the rules in DOCKER-USER, and hairpin on the ports
 * of Docker's bridges. Looked at when the engine was connected, when containers come and go, when somebody changes
 * iptables, and every ten seconds; what is missing is put back.
 */
import { cidr, cidrContains, formatIp } from "../../base/ip.ts";
import type { Log } from "../../base/log.ts";
import { NFNLGRP_NFTABLES } from "../../net/nftables/constants.ts";
import { tableOf } from "../../net/nftables/decode.ts";
import { RouteSocket } from "../../net/rtnetlink/route-socket.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "../../sys/netlink-socket.ts";
import {
  bridgeNetfilter,
  bridgesOf,
  type DockerBridge,
  enableHairpin,
  gatewaysOf,
  interfacesByAddress,
  masqueradeBridges,
  setHairpin,
} from "./bridges.ts";
import {
  assertDockerUser,
  type DockerUserOptions,
  type DockerUserState,
  dropsDirectAccess,
  removeDockerUser,
} from "./docker-user.ts";
import type { Engine } from "./engine.ts";
import { type NetworkSubnet, type Outside, passages } from "./passages.ts";

export interface ReachOptions extends Omit<DockerUserOptions, "outside" | "networks"> {
  /** Milliseconds between looks at what nobody told of. @default 10000 */
  readonly interval?: number;
  /**
   * Pairs of interfaces, in and out, between which connections must be masqueraded (masqueradeBridges): called with
   * all of them at the first look, and when they have changed.
   */
  readonly onMasqueradeBridges?: (pairs: readonly BridgePair[]) => void;
  /** What all networks that are bridges have: called at the first look, and when it has changed. */
  readonly onNetworks?: (networks: PodNetworks) => void;
}

/** Where containers have their addresses. */
export interface PodNetworks {
  readonly subnets: readonly string[];
  /** Addresses of this host that containers reach, the best known first. */
  readonly gateways: readonly string[];
  /** The interfaces, and which of the subnets each has. */
  readonly bridges: readonly { readonly name: string; readonly subnets: readonly string[] }[];
}

type BridgePair = readonly [input: string, output: string];

/** The table of iptables' that DOCKER-USER is in, when iptables is the one of nf_tables. */
const FILTER_TABLE = "filter";
/** At most one look in so many milliseconds, so that a fight over the rule does not take the whole processor. */
const MIN_INTERVAL = 100;

export class EngineReach {
  readonly #options: ReachOptions;
  readonly #log: Log;
  /** Ports whose hairpin mode we have switched on. */
  readonly #hairpins = new Set<number>();
  readonly #looked = Promise.withResolvers<void>();
  /** The pairs that were last told of, as JSON. */
  #pairs = "";
  /** What was last told of the engine's networks, as JSON. */
  #bridges = "";
  /** What was last logged of the rule and the firewall, so that each is said once. */
  #said = "";
  #wake: (() => void) | undefined;
  #ranges: readonly string[];
  /** All that there have been, and everything of a family that has had ports outside. */
  readonly #everRanges = new Set<string>();
  /** Tells of what is outside of the ranges, once that is known. */
  #findOutside: (() => Outside) | undefined;
  /** The subnets of the Networks that there are, once they are known: until then nothing is taken away. */
  #networks: readonly string[] | undefined;
  /** What the rules were last made for, as JSON. */
  #passing = "";
  #stale = { rule: true, ports: true, outside: false };

  constructor(options: ReachOptions, log: Log) {
    this.#options = options;
    this.#ranges = options.serviceRanges;
    this.#log = log;
  }

  /** Resolves after the first look, whatever came of it. */
  get looked(): Promise<void> {
    return this.#looked.promise;
  }

  /** Containers or networks have come or gone. */
  containersChanged(): void {
    this.#stale.ports = true;
    this.#wake?.();
  }

  /** In place of those that there were. */
  setServiceRanges(ranges: readonly string[]): void {
    for (const range of this.#ranges) this.#everRanges.add(range);
    this.#ranges = ranges;
    this.#stale.rule = true;
    this.#wake?.();
  }

  /** What is outside of the ranges may have changed: `find` is asked at the next look, not for each change. */
  outsideChanged(find: () => Outside): void {
    this.#findOutside = find;
    this.#stale.outside = true;
    this.#wake?.();
  }

  /** The subnets of all Networks, in a stable order, in place of those that there were. */
  setNetworks(subnets: readonly string[]): void {
    if (this.#networks?.join() === subnets.join()) return;
    for (const subnet of this.#networks ?? []) this.#everRanges.add(subnet);
    this.#networks = subnets;
    this.#stale.outside = true;
    this.#wake?.();
  }

  /** The engine answers again: it may have made its rules and bridges anew. */
  engineConnected(): void {
    this.#stale.rule = this.#stale.ports = true;
    this.#wake?.();
  }

  /** Until `signal` aborts. */
  async run(engine: Engine, signal: AbortSignal): Promise<void> {
    const { netns, interval = 10_000 } = this.#options;
    const where = netns === undefined ? {} : { netns };
    using routes = await RouteSocket.open(where);
    using changes = await NetlinkSocket.open(NETLINK_NETFILTER, { ...where, groups: [NFNLGRP_NFTABLES] });
    changes.subscribe(
      (event) => {
        const isFilter =
          event.type === "lost" || event.messages.some((message) => tableOf(message)?.name === FILTER_TABLE);
        if (!isFilter) return;
        this.#stale.rule = true;
        this.#wake?.();
      },
      { ref: false },
    );
    while (!signal.aborted) {
      await this.#look(engine, routes);
      this.#looked.resolve();
      await this.#sleep(MIN_INTERVAL, signal);
      const { rule, ports, outside } = this.#stale;
      if (!rule && !ports && !outside) await this.#sleep(interval, signal, true);
    }
  }

  /** Takes back what was put into the kernel, by this process and (the rule) by earlier ones. */
  async cleanup(): Promise<void> {
    const { netns } = this.#options;
    await removeDockerUser(netns);
    using routes = await RouteSocket.open(netns === undefined ? {} : { netns });
    for (const index of this.#hairpins) setHairpin(routes, index, false);
    this.#hairpins.clear();
  }

  async #look(engine: Engine, routes: RouteSocket): Promise<void> {
    const { rule, ports, outside } = this.#stale;
    this.#stale = { rule: false, ports: false, outside: false };
    try {
      if (rule || outside) await this.#lookAtRule(engine, routes, rule);
      if (ports) await this.#lookAtBridges(engine, routes);
    } catch (err) {
      this.#say("error", () =>
        this.#log.warn(
          { err },
          "the way between Docker's networks and virtual addresses may be closed, trying again",
        ),
      );
    }
  }

  /** `always`: somebody else may have changed it. Else nothing is done as long as the same may pass as before. */
  async #lookAtRule(engine: Engine, routes: RouteSocket, always: boolean): Promise<void> {
    const networks = hostsIn(routes, this.#networks ?? []);
    const outside = this.#networks === undefined ? undefined : this.#findOutside?.();
    const passing = JSON.stringify(
      outside && ([4, 6] as const).map((family) => passages(family, this.#ranges, outside, networks)),
    );
    if (!always && passing === this.#passing) return;
    this.#passing = "";
    await this.#assertRule(engine, outside, networks);
    this.#passing = passing;
  }

  async #assertRule(
    engine: Engine,
    outside: Outside | undefined,
    networks: readonly NetworkSubnet[],
  ): Promise<void> {
    const { netns } = this.#options;
    const ranges = this.#ranges;
    const addresses = [
      ...(outside?.addresses ?? []),
      ...(outside?.ports ?? []).map(({ address }) => address),
    ];
    for (const address of addresses) this.#everRanges.add(address.includes(":") ? "::/0" : "0.0.0.0/0");
    const state: DockerUserState = await assertDockerUser({
      serviceRanges: ranges,
      networks,
      ...(outside !== undefined && { outside }),
      formerRanges: [...this.#everRanges],
      ...(netns !== undefined && { netns }),
    });
    if (state === "written")
      this.#log.info(
        { ranges, networks: networks.length, outside: addresses.length },
        "brought the rules in DOCKER-USER up to date",
      );
    if (state !== "absent") return this.#say("present", () => {});
    const { FirewallBackend } = await engine.info();
    const isNftables = FirewallBackend?.Driver?.startsWith("nftables") === true;
    this.#say(`absent ${isNftables}`, () => {
      if (isNftables)
        this.#log.warn(
          { firewall: FirewallBackend?.Driver },
          "Docker keeps its networks apart by nftables, which has no place for an exception: containers reach virtual" +
            ' addresses only behind their own network; set "firewall-backend": "iptables" in /etc/docker/daemon.json,' +
            " or mark the packets and start dockerd with --bridge-accept-fwmark",
        );
      else this.#log.info({}, "the engine has no chain DOCKER-USER: nothing has to be let through");
    });
  }

  async #lookAtBridges(engine: Engine, routes: RouteSocket): Promise<void> {
    const netfilter = bridgeNetfilter(this.#options.netns);
    const bridges = bridgesOf(await engine.networks(), interfacesByAddress(routes));
    if (netfilter.ipv4 || netfilter.ipv6)
      for (const index of enableHairpin(routes, bridges)) this.#hairpins.add(index);
    this.#tellNetworks(bridges, routes);
    const pairs = masqueradeBridges(bridges, netfilter, await dropsDirectAccess(this.#options.netns));
    const text = JSON.stringify(pairs);
    if (text === this.#pairs) return;
    this.#pairs = text;
    this.#options.onMasqueradeBridges?.(pairs);
  }

  #tellNetworks(bridges: readonly DockerBridge[], routes: RouteSocket): void {
    // docker0 is there as long as the engine is; others come and go.
    const byAge = [...bridges].sort((a, b) => Number(b.name === "docker0") - Number(a.name === "docker0"));
    const networks = {
      subnets: bridges.flatMap(({ subnets }) => subnets).sort(),
      gateways: gatewaysOf(
        routes,
        byAge.filter(({ internal }) => !internal),
      ),
      bridges: bridges.map(({ name, subnets }) => ({ name, subnets })),
    };
    const text = JSON.stringify(networks);
    if (text === this.#bridges) return;
    this.#bridges = text;
    // This host's addresses on them are no Network's.
    this.#stale.outside = true;
    this.#options.onNetworks?.(networks);
  }

  #say(what: string, say: () => void): void {
    if (this.#said === what) return;
    this.#said = what;
    say();
  }

  /** Until something wakes it (not in a pause between looks), the time is over, or the signal aborts. */
  #sleep(milliseconds: number, signal: AbortSignal, wakeable = false): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", finish);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(() => {
        if (wakeable) this.#stale = { rule: true, ports: true, outside: false };
        finish();
      }, milliseconds);
      signal.addEventListener("abort", finish, { once: true });
      if (wakeable) this.#wake = finish;
    });
  }
}

/** Each with the addresses that this host has in it itself. */
function hostsIn(routes: RouteSocket, subnets: readonly string[]): NetworkSubnet[] {
  if (subnets.length === 0) return [];
  const own = routes.addresses().map(({ address }) => address);
  return subnets.map((subnet) => {
    const range = cidr(subnet);
    const hosts = own.filter((address) => cidrContains(range, address)).map(formatIp);
    return { subnet, hosts: [...new Set(hosts)].sort() };
  });
}
