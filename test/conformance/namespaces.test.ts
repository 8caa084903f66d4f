/** Upstream: test/e2e/apimachinery/namespace.go. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import type { V1ConfigMap, V1Namespace, V1Pod, V1Service } from "@kubernetes/client-node";
import { startCluster } from "./cluster.ts";
import { eventually } from "../lab/eventually.ts";
import { isRefused } from "./resource.ts";

/** framework.DefaultNamespaceDeletionTimeout. */
const DELETION_TIMEOUT = 5 * 60_000;

const cluster = await startCluster();
const { api } = cluster;
const namespaces = api.core<V1Namespace>("namespaces");

async function isGone(name: string, limit: number): Promise<void> {
  await eventually(`namespace ${name} is gone`, limit, async () =>
    (await namespaces.find(name)) === undefined ? true : undefined,
  );
}

test("[sig-api-machinery] Namespaces [Serial] should ensure that all pods are removed when a namespace is deleted [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "nsdeletetest");
  const name = "test-pod";
  const pod = await cluster.runPod(ns, {
    metadata: { name },
    spec: { containers: [{ name: "nginx", image: "pause" }] },
  });
  await namespaces.delete(ns);
  // What a kubelet does when it has stopped the containers.
  await eventually("the pod is told to go", 60_000, async () => {
    const now = await api.core<V1Pod>("pods", ns).find(name);
    return now === undefined || now.metadata!.deletionTimestamp !== undefined ? true : undefined;
  });
  if ((await api.core<V1Pod>("pods", ns).find(name)) !== undefined)
    await api.core<V1Pod>("pods", ns).delete(name, { gracePeriodSeconds: 0 });
  await isGone(ns, 60_000 + 1000 * pod.spec!.terminationGracePeriodSeconds!);
  await namespaces.create({ metadata: { name: ns } });
  await assert.rejects(api.core("pods", ns).get(name), (error) => isRefused(error, 404));
});

test("[sig-api-machinery] Namespaces [Serial] should ensure that all services are removed when a namespace is deleted [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "nsdeletetest");
  const services = api.core<V1Service>("services", ns);
  const name = "test-service";
  await services.create({
    metadata: { name },
    spec: { selector: { foo: "bar", baz: "blah" }, ports: [{ port: 80, targetPort: 80 }] },
  });
  await namespaces.delete(ns);
  await isGone(ns, 60_000);
  await namespaces.create({ metadata: { name: ns } });
  await assert.rejects(services.get(name), (error) => isRefused(error, 404));
});

test("[sig-api-machinery] Namespaces [Serial] should delete fast enough (90 percent of 100 namespaces in 150 seconds)", async (t) => {
  const total = 100;
  const names = await Promise.all(
    Array.from({ length: total }, (_, i) => cluster.namespace(t, `nslifetest-${i}`)),
  );
  await Promise.all(names.map((name) => namespaces.delete(name)));
  await eventually("90 of 100 namespaces are gone", 150_000, async () => {
    const { items } = await namespaces.list();
    const left = items.filter(({ metadata }) => metadata!.name!.includes("nslifetest"));
    return left.length <= total / 10 ? true : undefined;
  });
  await eventually("all namespaces are gone", 150_000, async () => {
    const { items } = await namespaces.list();
    return items.some(({ metadata }) => metadata!.name!.includes("nslifetest")) ? undefined : true;
  });
});

test("[sig-api-machinery] Namespaces [Serial] should patch a Namespace [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, `nspatchtest-${randomUUID()}`);
  const before = await namespaces.get(ns);
  const patched = await namespaces.patch(ns, "strategic", {
    metadata: { labels: { testLabel: "testValue" } },
  });
  assert.ok(BigInt(before.metadata!.resourceVersion!) < BigInt(patched.metadata!.resourceVersion!));
  const now = await namespaces.get(ns);
  assert.equal(now.metadata!.labels!["testLabel"], "testValue");
});

test("[sig-api-machinery] Namespaces [Serial] should apply changes to a namespace status [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "namespaces");
  assert.equal((await namespaces.get(ns, "status")).status!.phase, "Active");
  const condition = { status: "True", lastTransitionTime: null, reason: "E2E" };
  const patched = await namespaces.patch(
    ns,
    "merge",
    {
      metadata: { annotations: { "e2e-patched-ns-status": ns } },
      status: { conditions: [{ ...condition, type: "StatusPatch", message: "Patched by an e2e test" }] },
    },
    { subresource: "status" },
  );
  assert.equal(patched.metadata!.annotations!["e2e-patched-ns-status"], ns);
  const last = patched.status!.conditions!.at(-1)!;
  assert.equal(last.reason, "E2E");
  assert.equal(last.message, "Patched by an e2e test");

  const updated = await namespaces.change(
    ns,
    ({ status }) => {
      const added = { ...condition, type: "StatusUpdate", message: "Updated by an e2e test" };
      status!.conditions = [...(status!.conditions ?? []), added as never];
    },
    { subresource: "status" },
  );
  assert.equal(updated.status!.conditions!.at(-1)!.type, "StatusUpdate");
  assert.equal(updated.status!.conditions!.at(-1)!.message, "Updated by an e2e test");
});

test("[sig-api-machinery] Namespaces [Serial] should apply an update to a Namespace [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "namespaces");
  const updated = await namespaces.change(ns, ({ metadata }) => {
    metadata!.labels![ns] = "updated";
  });
  assert.equal(updated.metadata!.labels![ns], "updated");
});

test("[sig-api-machinery] Namespaces [Serial] should apply a finalizer to a Namespace [Conformance]", async (t) => {
  const finalizer = "e2e.example.com/fakeFinalizer";
  const ns = await cluster.namespace(t, "e2e-ns");
  const added = await finalize(ns, (finalizers) => [...finalizers, finalizer]);
  assert.ok(added.includes(finalizer));
  const removed = await finalize(ns, (finalizers) => finalizers.filter((one) => one !== finalizer));
  assert.ok(!removed.includes(finalizer));
});

/** As RetryOnConflict of a PUT to /finalize, which is never read. Returns the finalizers after it. */
async function finalize(name: string, edit: (finalizers: string[]) => string[]): Promise<string[]> {
  for (let tries = 5; ; tries--) {
    const namespace = await namespaces.get(name);
    namespace.spec!.finalizers = edit(namespace.spec!.finalizers ?? []);
    try {
      const updated = await namespaces.update(namespace, { subresource: "finalize" });
      return updated.spec!.finalizers ?? [];
    } catch (error) {
      if (tries === 0 || !isRefused(error, 409)) throw error;
    }
  }
}

test("[sig-api-machinery] OrderedNamespaceDeletion namespace deletion should delete pod first [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "nsdeletetest");
  const pods = api.core<V1Pod>("pods", ns);
  const pod = "test-pod";
  await cluster.runPod(ns, {
    metadata: { name: pod, finalizers: ["e2e.example.com/finalizer"] },
    spec: { containers: [{ name: "nginx", image: "pause" }] },
  });
  const configMaps = api.core<V1ConfigMap>("configmaps", ns);
  await configMaps.create({ metadata: { name: "test-configmap" }, data: { key: "value" } });

  await namespaces.delete(ns);
  await eventually("the namespace says that content is left", DELETION_TIMEOUT, async () => {
    const { status } = await namespaces.get(ns);
    const failed = (status!.conditions ?? []).some(({ type }) => type === "NamespaceDeletionContentFailure");
    return status!.phase === "Terminating" && failed ? true : undefined;
  });
  await eventually("the pod is told to go, before all else", DELETION_TIMEOUT, async () => {
    await configMaps.get("test-configmap");
    return (await pods.get(pod)).metadata!.deletionTimestamp;
  });
  await pods.change(pod, ({ metadata }) => {
    metadata!.finalizers = [];
  });
  // What a kubelet does when it has stopped the containers.
  if ((await pods.find(pod)) !== undefined) await pods.delete(pod, { gracePeriodSeconds: 0 });
  await eventually("the pod is gone", DELETION_TIMEOUT, async () =>
    (await pods.find(pod)) === undefined ? true : undefined,
  );
  await isGone(ns, DELETION_TIMEOUT);
});
