/** Upstream: test/e2e/common/node/lease.go. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { V1Lease } from "@kubernetes/client-node";
import { startCluster } from "./cluster.ts";
import { isRefused } from "./resource.ts";

const cluster = await startCluster();
const { api } = cluster;

/** Upstream counts from Go's zero time; that is what it looks like on the wire. */
function time(second: number): string {
  return `0001-01-01T00:0${Math.floor(second / 60)}:${String(second % 60).padStart(2, "0")}.000000Z`;
}

function spec(
  holder: string,
  duration: number,
  acquired: number,
  renewed: number,
  transitions: number,
): object {
  return {
    holderIdentity: holder,
    leaseDurationSeconds: duration,
    acquireTime: time(acquired),
    renewTime: time(renewed),
    leaseTransitions: transitions,
  };
}

test("[sig-node] Lease lease API should be available [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "lease-test");
  const leases = api.of<V1Lease>("coordination.k8s.io/v1", "leases", ns);
  const name = "lease";
  const first = spec("holder", 30, 2, 5, 0);
  const created = await leases.create({ metadata: { name }, spec: first });
  assert.deepEqual((await leases.get(name)).spec, first);

  const second = spec("holder2", 30, 20, 50, 1);
  await leases.update({ ...created, spec: second });
  assert.deepEqual((await leases.get(name)).spec, second);

  const third = spec("holder3", 60, 50, 70, 2);
  await leases.patch(name, "strategic", { spec: third });
  assert.deepEqual((await leases.get(name)).spec, third);

  await leases.create({
    metadata: { name: "lease2", labels: { deletecollection: "true" } },
    spec: first,
  });
  assert.equal((await leases.list()).items.length, 2);
  await leases.deleteCollection({ labelSelector: "deletecollection=true" });
  assert.equal((await leases.list()).items.length, 1);
  await leases.delete(name);
  await assert.rejects(leases.get(name), (error) => isRefused(error, 404));
  await api.of<V1Lease>("coordination.k8s.io/v1", "leases").list();
});
