/** Upstream: test/e2e/network/service.go, how node ports are given out and given back. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import type { V1Service } from "@kubernetes/client-node";
import { Refused, type Wire } from "../conformance/resource.ts";
import { type LabCluster, startCluster } from "../lab/cluster.ts";
import type { ClusterPods } from "../lab/cluster-pods.ts";
import { needsNetns } from "../lab/netns.ts";
import { expectHosts, expectRefused } from "./reach.ts";

const skip = needsNetns();
const cluster: LabCluster = skip === false ? await startCluster() : undefined!;
/** ServiceNodePortRange of upstream's jig, the API server's default. */
const RANGE = { first: 30_000, last: 32_767 } as const;
const SPEC = { type: "NodePort", selector: { app: "node-port" }, ports: [{ port: 80, targetPort: 8080 }] };

function nodePortOf(service: Wire<V1Service>): number {
  return service.spec!.ports![0]!.nodePort!;
}

function withNodePort(nodePort: number): object {
  return { ...SPEC, ports: [{ ...SPEC.ports[0], nodePort }] };
}

async function expectInvalid(call: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof Refused && error.code === 422, String(error));
    assert.match(error.message, message);
    return true;
  });
}

/** Every node serves the port, asked from outside and from a node. */
async function expectServed(port: number, hosts: readonly string[]): Promise<void> {
  for (const { host } of cluster.nodes)
    for (const from of [cluster.client, cluster.nodes[0]!])
      await expectHosts(from, { host: host.address4, port }, hosts);
}

async function expectReleased(port: number): Promise<void> {
  for (const { host, netns } of cluster.nodes) {
    for (const from of [cluster.client, cluster.nodes[0]!])
      await expectRefused(from, { host: host.address4, port });
    const inside = (...command: string[]): string =>
      execFileSync("ip", ["netns", "exec", netns, ...command], { encoding: "utf8" });
    assert.equal(inside("ss", "-Hltn46", `sport = :${port}`), "", "nobody listens there");
    assert.doesNotMatch(inside("nft", "list", "ruleset"), new RegExp(`\\b${port}\\b`), "no rule knows it");
  }
}

test("[sig-network] Services should prevent NodePort collisions", { skip }, async (t) => {
  const ns = await cluster.namespace(t, "services");
  const pod = await ns.netexec({ name: "server", labels: SPEC.selector });
  const port = nodePortOf(await ns.service("nodeport-collision-1", SPEC));
  await expectServed(port, [pod.name]);
  const colliding = withNodePort(port);
  await expectInvalid(
    ns.service("nodeport-collision-2", colliding),
    new RegExp(`${port}.*port is already allocated`),
  );
  // What was refused changed nothing.
  await expectServed(port, [pod.name]);
  await ns.services.delete("nodeport-collision-1");
  assert.equal(nodePortOf(await ns.service("nodeport-collision-2", colliding)), port);
  await expectServed(port, [pod.name]);
});

test("[sig-network] Services should check NodePort out-of-range", { skip }, async (t) => {
  const ns = await cluster.namespace(t, "services");
  const name = "nodeport-range-test";
  const pod = await ns.netexec({ name: "server", labels: SPEC.selector });
  const port = nodePortOf(await ns.service(name, SPEC));
  assert.ok(port >= RANGE.first && port <= RANGE.last);
  const outside = RANGE.last + 1;
  const message = new RegExp(`${outside}.*port is not in the valid range`);
  await expectInvalid(
    ns.services.change(name, ({ spec }) => void (spec!.ports![0]!.nodePort = outside)),
    message,
  );
  await expectServed(port, [pod.name]);
  await ns.services.delete(name);
  await expectInvalid(ns.service(name, withNodePort(outside)), message);
  await expectReleased(outside);
});

test("[sig-network] Services should release NodePorts on delete", { skip }, async (t) => {
  const ns: ClusterPods = await cluster.namespace(t, "services");
  const name = "nodeport-reuse";
  const pod = await ns.netexec({ name: "server", labels: SPEC.selector });
  const port = nodePortOf(await ns.service(name, SPEC));
  await expectServed(port, [pod.name]);
  await ns.services.delete(name);
  await expectReleased(port);
  assert.equal(nodePortOf(await ns.service(name, withNodePort(port))), port);
  await expectServed(port, [pod.name]);
});
