/**
 * Who answers at an address, asked from inside a network namespace: the checks of upstream's service test jig
 * (test/e2e/framework/service/jig.go) and of its verifyServeHostnameService*.
 *
 * Upstream asks every one to two seconds within its limits, we as fast as answers come.
 */
import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { V1Service } from "@kubernetes/client-node";
import type { Wire } from "../conformance/resource.ts";
import type { LabNode } from "../lab/cluster.ts";
import { ASK, type Outcome, type Target } from "../lab/requests.ts";

export type Transport = "TCP" | "UDP";

/** e2eservice.KubeProxyEndpointLagTimeout and KubeProxyLagTimeout, in milliseconds. */
export const ENDPOINT_LAG = 30_000;
const PROXY_LAG = 60_000;
const INTERVAL = 10;
/** Requests at a time. */
const WIDTH = 16;

/** Anything that requests can be made from: a pod, a node, the outside client. */
export interface From {
  readonly name: string;
  readonly netns: string;
}

export function show({ host, port }: Target, transport: Transport = "TCP"): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}/${transport}`;
}

/** `count` requests, a few at a time. */
export async function ask(
  from: From,
  target: Target,
  count: number,
  options: { readonly transport?: Transport; readonly what?: string; readonly timeout?: number } = {},
): Promise<Outcome[]> {
  const { transport = "TCP", what, timeout } = options;
  const outcomes: Outcome[] = [];
  let left = count;
  const work = async (): Promise<void> => {
    while (left-- > 0) outcomes.push(await ASK[transport](from.netns, target, what, timeout));
  };
  await Promise.all(Array.from({ length: Math.min(WIDTH, count) }, work));
  return outcomes;
}

/** What came of requests, each kind once, sorted. */
export function kinds(outcomes: readonly Outcome[]): string[] {
  return Array.from(new Set(outcomes.map(({ said, error }) => error ?? said ?? "")), String).sort();
}

/** Asks in rounds until `holds` is true of what came of one; fails with the last round after `limit` milliseconds. */
async function untilRound(
  what: string,
  limit: number,
  round: () => Promise<string[]>,
  holds: (seen: string[]) => boolean,
): Promise<void> {
  const end = performance.now() + limit;
  for (;;) {
    const seen = await round();
    if (holds(seen)) return;
    if (performance.now() > end) assert.fail(`not within ${limit} ms: ${what}; last: ${seen.join(", ")}`);
    await setTimeout(INTERVAL);
  }
}

export interface Expectation {
  readonly transport?: Transport;
  /** In milliseconds. */
  readonly limit?: number;
}

/** Every one of `hosts` answers, and nobody else: ten requests for each, all answered. */
export async function expectHosts(
  from: From,
  target: Target,
  hosts: readonly string[],
  { transport = "TCP", limit = PROXY_LAG }: Expectation = {},
): Promise<void> {
  const wanted = hosts.toSorted().join();
  await untilRound(
    `${show(target, transport)} from ${from.name} answered by ${wanted}`,
    limit,
    async () => kinds(await ask(from, target, 10 * hosts.length, { transport })),
    (seen) => seen.join() === wanted,
  );
}

/** Somebody answers. */
export async function expectReachable(
  from: From,
  target: Target,
  { transport = "TCP", limit = PROXY_LAG }: Expectation = {},
): Promise<void> {
  await untilRound(
    `${show(target, transport)} reachable from ${from.name}`,
    limit,
    async () => {
      const [outcome] = await ask(from, target, 1, { transport });
      return [outcome!.error ?? "answered"];
    },
    ([seen]) => seen === "answered",
  );
}

/** As long as a drop is waited for; what answers does so within milliseconds. */
const SILENCE = 500;

/** Nobody answers. */
export async function expectUnreachable(
  from: From,
  target: Target,
  { transport = "TCP", limit = PROXY_LAG }: Expectation = {},
): Promise<void> {
  await untilRound(
    `${show(target, transport)} not reachable from ${from.name}`,
    limit,
    async () => {
      const [outcome] = await ask(from, target, 1, { transport, timeout: SILENCE });
      return [outcome!.error ?? "answered"];
    },
    ([seen]) => seen !== "answered",
  );
}

/**
 * Connections are refused, as opposed to not answered. A host that refuses what it sends itself says so for a datagram
 * where it is sent: send(2) fails with EPERM before the ICMP message is read.
 */
export async function expectRefused(
  from: From,
  target: Target,
  { transport = "TCP", limit = PROXY_LAG }: Expectation = {},
): Promise<void> {
  await untilRound(
    `${show(target, transport)} refused from ${from.name}`,
    limit,
    async () => kinds(await ask(from, target, 5, { transport })),
    (seen) => seen.every((one) => one === "ECONNREFUSED" || (transport === "UDP" && one === "EPERM")),
  );
}

export interface ServiceTarget extends Target {
  readonly transport: Transport;
  /** The port's name; "" if it has none. */
  readonly portName: string;
  readonly kind: "ClusterIP" | "NodePort" | "ExternalIP" | "LoadBalancer";
}

/** All that CheckServiceReachability tries: cluster IPs, node ports at every address of the nodes, external IPs, ingress. */
export function serviceTargets(service: Wire<V1Service>, nodes: readonly LabNode[]): ServiceTarget[] {
  const { clusterIPs = [], externalIPs = [], ipFamilies = [], ports = [] } = service.spec!;
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  const nodeAddresses = nodes.flatMap(({ host }) =>
    ipFamilies.map((family) => (family === "IPv4" ? host.address4 : host.address6)),
  );
  return ports.flatMap(({ port, nodePort, protocol, name: portName = "" }) => {
    const make = (kind: ServiceTarget["kind"], hosts: readonly string[], at: number): ServiceTarget[] =>
      hosts.map((host) => ({ host, port: at, kind, portName, transport: protocol as Transport }));
    return [
      ...make("ClusterIP", clusterIPs, port),
      ...(nodePort === undefined ? [] : make("NodePort", nodeAddresses, nodePort)),
      ...make("ExternalIP", externalIPs, port),
      ...make(
        "LoadBalancer",
        ingress.map(({ ip }) => ip).filter((ip) => ip !== undefined),
        port,
      ),
    ];
  });
}

/** CheckServiceReachability: at all targets exactly `hosts` answer. */
export async function expectServiceReachable(
  service: Wire<V1Service>,
  nodes: readonly LabNode[],
  from: From,
  hosts: readonly string[],
): Promise<void> {
  const targets = serviceTargets(service, nodes);
  assert.ok(targets.length > 0, `Service ${service.metadata!.name} has no address`);
  await Promise.all(targets.map((target) => expectHosts(from, target, hosts, target)));
}
