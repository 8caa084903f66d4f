/** Upstream: test/e2e/apimachinery/apply.go, without custom resources. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { V1Deployment, V1ObjectMeta, V1Pod } from "@kubernetes/client-node";
import { startCluster } from "./cluster.ts";
import { isRefused, type Resource, type Wire } from "./resource.ts";

interface Applied {
  readonly metadata: V1ObjectMeta;
}

const APP = { app: "nginx" };

const cluster = await startCluster();
const { api } = cluster;

function deploymentsIn(namespace: string): Resource<V1Deployment> {
  return api.of<V1Deployment>("apps/v1", "deployments", namespace);
}

function deployment(
  name: string,
  { replicas, hostname, ports }: { replicas?: number; hostname?: string; ports?: object[] },
): object {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, labels: APP },
    spec: {
      ...(replicas !== undefined && { replicas }),
      selector: { matchLabels: APP },
      template: {
        metadata: { labels: APP },
        spec: {
          ...(hostname !== undefined && { hostname }),
          containers: [{ name: "nginx", image: "nginx-new", ...(ports !== undefined && { ports }) }],
        },
      },
    },
  };
}

function apply(
  deployments: Resource<V1Deployment>,
  fieldManager: string,
  object: object,
  force?: true,
): Promise<Wire<V1Deployment>> {
  const { name } = (object as { metadata: { name: string } }).metadata;
  return deployments.patch(name, "apply", object, { fieldManager, ...(force && { force }) });
}

test("[sig-api-machinery] ServerSideApply should create an applied object if it does not already exist", async (t) => {
  const ns = await cluster.namespace(t, "apply");
  const cases = [
    {
      resource: "pods",
      body: {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "test-pod" },
        spec: { containers: [{ name: "test-container", image: "test-image" }] },
      },
      fields: {
        "f:spec": {
          "f:containers": {
            'k:{"name":"test-container"}': { ".": {}, "f:image": {}, "f:name": {} },
          },
        },
      },
    },
    {
      resource: "services",
      body: {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "test-svc" },
        spec: { ports: [{ port: 8080, protocol: "UDP" }] },
      },
      fields: {
        "f:spec": {
          "f:ports": {
            'k:{"port":8080,"protocol":"UDP"}': { ".": {}, "f:port": {}, "f:protocol": {} },
          },
        },
      },
    },
  ];
  for (const { resource, body, fields } of cases) {
    const objects = api.core<Applied>(resource, ns);
    const { name } = body.metadata;
    await objects.patch(name, "apply", body, { fieldManager: "apply_test" });
    await objects.get(name);
    const again = await objects.patch(name, "apply", body, { fieldManager: "apply_test_2" });
    const owned = again.metadata.managedFields!.filter(({ manager }) => manager!.startsWith("apply_test"));
    assert.deepEqual(new Set(owned.map(({ manager }) => manager)), new Set(["apply_test", "apply_test_2"]));
    // Upstream compares the text, so the order counts too.
    for (const { fieldsV1 } of owned) assert.equal(JSON.stringify(fieldsV1), JSON.stringify(fields));
  }
});

test("[sig-api-machinery] ServerSideApply should work for subresources", async (t) => {
  const ns = await cluster.namespace(t, "apply");
  const pods = api.core<V1Pod>("pods", ns);
  const name = "test-pod";
  const head = { apiVersion: "v1", kind: "Pod", metadata: { name } };
  const status = { ...head, status: { conditions: [{ type: "MyStatus", status: "True" }] } };
  const hasStatus = async (): Promise<boolean> =>
    ((await pods.get(name)).status?.conditions ?? []).some(({ type }) => type === "MyStatus");
  await pods.patch(
    name,
    "apply",
    { ...head, spec: { containers: [{ name: "nginx", image: "nginx-new" }] } },
    { fieldManager: "apply_test" },
  );
  await pods.get(name);
  await pods.patch(name, "apply", status, { fieldManager: "apply_test2" });
  assert.ok(!(await hasStatus()), "apply should not update subresources unless it is sent to them");
  await pods.patch(name, "apply", status, { fieldManager: "apply_test2", subresource: "status" });
  assert.ok(await hasStatus(), "expected the pod to have the applied status");
});

test("[sig-api-machinery] ServerSideApply should remove a field if it is owned but removed in the apply request", async (t) => {
  const ns = await cluster.namespace(t, "apply");
  const deployments = deploymentsIn(ns);
  const ports = [{ containerPort: 80, protocol: "TCP" }];
  await apply(deployments, "apply_test", deployment("deployment", { replicas: 3, ports }));
  await apply(deployments, "apply_test", deployment("deployment", { replicas: 3 }));
  const now = await deployments.get("deployment");
  assert.deepEqual(now.spec!.template.spec!.containers[0]!.ports ?? [], []);
});

test("[sig-api-machinery] ServerSideApply should not remove a field if an owner unsets the field but other managers still have ownership of the field", async (t) => {
  const ns = await cluster.namespace(t, "apply");
  const deployments = deploymentsIn(ns);
  const name = "deployment-shared-unset";
  const both = deployment(name, { replicas: 3, hostname: "test-hostname" });
  for (const manager of ["shared_owner_1", "shared_owner_2"]) await apply(deployments, manager, both);
  const patched = await apply(deployments, "shared_owner_1", deployment(name, {}));
  assert.equal(patched.spec!.replicas, 3);
  assert.equal(patched.spec!.template.spec!.hostname, "test-hostname");
});

test("[sig-api-machinery] ServerSideApply should ignore conflict errors if force apply is used", async (t) => {
  const ns = await cluster.namespace(t, "apply");
  const deployments = deploymentsIn(ns);
  const wanted = deployment("deployment", { replicas: 3 });
  await apply(deployments, "apply_test", wanted);
  await deployments.patch("deployment", "merge", { spec: { replicas: 5 } });
  await assert.rejects(apply(deployments, "apply_test", wanted), (error) => {
    assert.ok(isRefused(error, 409), String(error));
    assert.equal(error.status.reason, "Conflict");
    assert.ok((error.status.details!["causes"] as object[]).length >= 1);
    return true;
  });
  await apply(deployments, "apply_test", wanted, true);
});

test("[sig-api-machinery] ServerSideApply should give up ownership of a field if forced applied by a controller", async (t) => {
  const ns = await cluster.namespace(t, "apply");
  const deployments = deploymentsIn(ns);
  const name = "deployment-shared-map-item-removal";
  await apply(deployments, "test_applier", deployment(name, { replicas: 3 }));
  await deployments.change(name, ({ spec }) => {
    spec!.replicas = 4;
  });
  const patched = await apply(deployments, "test_applier", deployment(name, {}));
  assert.equal(patched.spec!.replicas, 4);
});
