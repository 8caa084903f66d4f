/**
 * Upstream: test/e2e/apimachinery/garbage_collector.go. What a controller would create, the test creates, with the
 * controller's reference.
 *
 * Where upstream waits 30 seconds to see that nothing is deleted by mistake, the collector is given something younger
 * to collect: when that is gone, it has been past what must stay.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { V1ObjectMeta, V1Pod } from "@kubernetes/client-node";
import { startCluster } from "./cluster.ts";
import { eventually } from "../lab/eventually.ts";
import type { Resource, Wire } from "./resource.ts";

interface Owner {
  readonly metadata: V1ObjectMeta;
}

/** estimateMaximumPods of a small cluster. */
const PODS = 10;
const CONTAINER = { name: "nginx", image: "nginx" };

const cluster = await startCluster();
const { api } = cluster;

function template(labels: Readonly<Record<string, string>>): object {
  return {
    metadata: { labels },
    spec: { terminationGracePeriodSeconds: 0, containers: [CONTAINER] },
  };
}

function controllers(namespace: string): Resource<Owner> {
  return api.core<Owner>("replicationcontrollers", namespace);
}

function createController(namespace: string, name: string, replicas: number): Promise<Wire<Owner>> {
  const selector = { gctest: name };
  return controllers(namespace).create({
    metadata: { name },
    spec: { replicas, selector, template: template(selector) },
  });
}

function reference(kind: string, apiVersion: string, owner: Wire<Owner>): object {
  const { name, uid } = owner.metadata;
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

async function createPods(namespace: string, owner: Wire<Owner>, count: number): Promise<void> {
  const { spec } = template({}) as { spec: object };
  for (let i = 0; i < count; i++)
    await api.core("pods", namespace).create({
      metadata: {
        generateName: `${owner.metadata.name!}-`,
        ownerReferences: [reference("ReplicationController", "v1", owner)],
      },
      spec,
    });
}

async function podsIn(namespace: string): Promise<Wire<V1Pod>[]> {
  return (await api.core<V1Pod>("pods", namespace).list()).items;
}

function deleteOwner(resource: Resource<Owner>, owner: Wire<Owner>, policy: string): Promise<unknown> {
  const { name, uid } = owner.metadata;
  return resource.delete(name!, { propagationPolicy: policy, preconditions: { uid } });
}

async function isGone(resource: Resource<Owner>, name: string, limit: number): Promise<void> {
  await eventually(`${name} is gone`, limit, async () =>
    (await resource.find(name)) === undefined ? true : undefined,
  );
}

/** Resolves when something that was to be collected later than all before is collected. */
async function collectorHasPassed(namespace: string): Promise<void> {
  const pods = api.core<V1Pod>("pods", namespace);
  const owner = await pods.create({ metadata: { name: "fence" }, spec: { containers: [CONTAINER] } });
  await pods.create({
    metadata: { name: "fenced", ownerReferences: [reference("Pod", "v1", owner as never)] },
    spec: { containers: [CONTAINER] },
  });
  await pods.delete("fence", { propagationPolicy: "Background", gracePeriodSeconds: 0 });
  await eventually("the younger dependent is collected", 60_000, async () =>
    (await pods.find("fenced")) === undefined ? true : undefined,
  );
}

test("[sig-api-machinery] Garbage collector should delete pods created by rc when not orphaning [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "gc");
  const rc = await createController(ns, "simpletest.rc", 2);
  await createPods(ns, rc, 2);
  await deleteOwner(controllers(ns), rc, "Background");
  await eventually("no controller and no pod is left", 60_000, async () =>
    (await controllers(ns).list()).items.length + (await podsIn(ns)).length === 0 ? true : undefined,
  );
});

test("[sig-api-machinery] Garbage collector should orphan pods created by rc if delete options say so [Serial] [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "gc");
  const rc = await createController(ns, "simpletest.rc", PODS);
  await createPods(ns, rc, PODS);
  await deleteOwner(controllers(ns), rc, "Orphan");
  await isGone(controllers(ns), "simpletest.rc", 120_000);
  await collectorHasPassed(ns);
  assert.equal((await podsIn(ns)).length, PODS);
});

test("[sig-api-machinery] Garbage collector should delete RS created by deployment when not orphaning [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "gc");
  const { deployments, replicaSets, deployment } = await createDeployment(ns);
  await deleteOwner(deployments, deployment, "Background");
  await eventually("no deployment and no replica set is left", 60_000, async () =>
    (await deployments.list()).items.length + (await replicaSets.list()).items.length === 0
      ? true
      : undefined,
  );
});

test("[sig-api-machinery] Garbage collector should orphan RS created by deployment when deleteOptions.PropagationPolicy is Orphan [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "gc");
  const { deployments, replicaSets, deployment } = await createDeployment(ns);
  await deleteOwner(deployments, deployment, "Orphan");
  await isGone(deployments, deployment.metadata.name!, 60_000);
  await collectorHasPassed(ns);
  const { items } = await replicaSets.list();
  assert.equal(items.length, 1);
  assert.deepEqual(items[0]!.metadata.ownerReferences ?? [], []);
});

async function createDeployment(namespace: string): Promise<{
  deployments: Resource<Owner>;
  replicaSets: Resource<Owner>;
  deployment: Wire<Owner>;
}> {
  const deployments = api.of<Owner>("apps/v1", "deployments", namespace);
  const replicaSets = api.of<Owner>("apps/v1", "replicasets", namespace);
  const labels = { gctest: "deployment" };
  const spec = { replicas: 2, selector: { matchLabels: labels }, template: template(labels) };
  const deployment = await deployments.create({ metadata: { name: "simpletest.deployment" }, spec });
  if ((await replicaSets.list()).items.length === 0)
    await replicaSets.create({
      metadata: {
        name: "simpletest.deployment-1",
        labels,
        ownerReferences: [reference("Deployment", "apps/v1", deployment)],
      },
      spec,
    });
  return { deployments, replicaSets, deployment };
}

test("[sig-api-machinery] Garbage collector should keep the rc around until all its pods are deleted if the deleteOptions says so [Serial] [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "gc");
  const rc = await createController(ns, "simpletest.rc", PODS);
  await createPods(ns, rc, PODS);
  await deleteOwner(controllers(ns), rc, "Foreground");
  await isGone(controllers(ns), "simpletest.rc", 60_000);
  assert.deepEqual(await podsIn(ns), []);
});

test("[sig-api-machinery] Garbage collector should not delete dependents that have both valid owner and owner that's waiting for dependents to be deleted [Serial] [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "gc");
  const leaving = await createController(ns, "simpletest-rc-to-be-deleted", PODS);
  await createPods(ns, leaving, PODS);
  const staying = await createController(ns, "simpletest-rc-to-stay", 0);
  const { name, uid } = staying.metadata;
  for (const pod of (await podsIn(ns)).slice(0, PODS / 2))
    await api.core("pods", ns).patch(pod.metadata!.name!, "strategic", {
      metadata: { ownerReferences: [{ apiVersion: "v1", kind: "ReplicationController", name, uid }] },
    });
  await deleteOwner(controllers(ns), leaving, "Foreground");
  await isGone(controllers(ns), "simpletest-rc-to-be-deleted", 90_000);
  const left = await podsIn(ns);
  assert.equal(left.length, PODS / 2);
  for (const { metadata } of left) {
    assert.equal(metadata!.deletionTimestamp, undefined);
    assert.deepEqual(
      metadata!.ownerReferences!.map(({ uid }) => uid),
      [uid],
    );
  }
});

test("[sig-api-machinery] Garbage collector should not be blocked by dependency circle [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "gc");
  const pods = api.core<V1Pod>("pods", ns);
  const create = (name: string): Promise<Wire<V1Pod>> =>
    pods.create({
      metadata: { name },
      spec: { terminationGracePeriodSeconds: 0, containers: [CONTAINER] },
    });
  const [pod1, pod2, pod3] = [await create("pod1"), await create("pod2"), await create("pod3")];
  const own = async (pod: Wire<V1Pod>, owner: Wire<V1Pod>): Promise<void> => {
    await pods.patch(pod.metadata!.name!, "strategic", {
      metadata: { ownerReferences: [reference("Pod", "v1", owner as never)] },
    });
  };
  await own(pod1, pod3);
  await own(pod2, pod1);
  await own(pod3, pod2);
  await pods.delete("pod1", {
    propagationPolicy: "Foreground",
    preconditions: { uid: pod1.metadata!.uid },
  });
  await eventually("all pods are deleted", 90_000, async () =>
    (await podsIn(ns)).length === 0 ? true : undefined,
  );
});
