/** Upstream: test/e2e/common/node/configmap.go, secrets.go and podtemplates.go, what needs no running pod. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import type { V1ConfigMap, V1PodTemplate, V1Secret } from "@kubernetes/client-node";
import { startCluster } from "./cluster.ts";
import { eventually } from "../lab/eventually.ts";
import { isRefused } from "./resource.ts";

const cluster = await startCluster();
const { api } = cluster;

test("[sig-node] ConfigMap should fail to create ConfigMap with empty key [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "configmap");
  const name = `configmap-test-emptyKey-${randomUUID()}`.toLowerCase();
  const created = api.core("configmaps", ns).create({ metadata: { name }, data: { "": "value-1" } });
  await assert.rejects(created, (error) => isRefused(error, 422));
});

test("[sig-node] ConfigMap should update ConfigMap successfully", async (t) => {
  const ns = await cluster.namespace(t, "configmap");
  const configMaps = api.core<V1ConfigMap>("configmaps", ns);
  const metadata = { name: `configmap-test-${randomUUID()}` };
  await configMaps.create({
    metadata,
    data: { data_1: "value-1", data_2: "value-2", data_3: "value-3" },
  });
  const data = { data: "value" };
  await configMaps.update({ metadata, data });
  assert.deepEqual((await configMaps.get(metadata.name)).data, data);
});

test("[sig-node] ConfigMap should run through a ConfigMap lifecycle [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "configmap");
  const configMaps = api.core<V1ConfigMap>("configmaps", ns);
  const name = `test-configmap${randomUUID()}`;
  const constant = { labelSelector: "test-configmap-static=true" };
  await configMaps.create({
    metadata: { name, labels: { "test-configmap-static": "true" } },
    data: { valueName: "value" },
  });
  const fetched = await configMaps.get(name);
  assert.equal(fetched.data!["valueName"], "value");
  assert.equal(fetched.metadata!.labels!["test-configmap-static"], "true");

  // Go's encoding of a ConfigMap of which only labels and data were set.
  await configMaps.patch(name, "strategic", {
    metadata: { creationTimestamp: null, labels: { "test-configmap": "patched" } },
    data: { valueName: "value1" },
  });
  const { items } = await api
    .core<V1ConfigMap>("configmaps")
    .list({ labelSelector: "test-configmap=patched" });
  const found = items.find(({ metadata }) => metadata!.name === name && metadata!.namespace === ns);
  assert.deepEqual(found!.metadata!.labels, {
    "test-configmap-static": "true",
    "test-configmap": "patched",
  });
  assert.equal(found!.data!["valueName"], "value1");

  await configMaps.deleteCollection(constant);
  assert.equal((await configMaps.list(constant)).items.length, 0);
});

test("[sig-api-machinery] Secrets should fail to create secret due to empty secret key [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "secrets");
  const name = `secret-emptykey-test-${randomUUID()}`;
  const data = { "": Buffer.from("value-1\n").toString("base64") };
  await assert.rejects(api.core("secrets", ns).create({ metadata: { name }, data }), (error) =>
    isRefused(error, 422),
  );
});

test("[sig-api-machinery] Secrets should patch a secret [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "secrets");
  const secrets = api.core<V1Secret>("secrets", ns);
  const name = `test-secret-${randomUUID()}`;
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const isListed = async (): Promise<boolean> => {
    const { items } = await api.core<V1Secret>("secrets").list({ labelSelector: "testsecret-constant=true" });
    return items.some(({ metadata }) => metadata!.name === name && metadata!.namespace === ns);
  };
  const created = await secrets.create({
    metadata: { name, labels: { "testsecret-constant": "true" } },
    data: { key: base64("value") },
    type: "Opaque",
  });
  assert.match(created.metadata!.resourceVersion!, /^[1-9]\d*$/);
  assert.ok(await isListed());

  // Upstream encodes twice: once itself, and once more with the bytes.
  await secrets.patch(name, "strategic", {
    metadata: { labels: { testsecret: "true" } },
    data: { key: base64(base64("value1")) },
  });
  const secret = await secrets.get(name);
  assert.ok(BigInt(created.metadata!.resourceVersion!) < BigInt(secret.metadata!.resourceVersion!));
  assert.equal(secret.data!["key"], base64(base64("value1")));

  await secrets.deleteCollection({ labelSelector: "testsecret=true" });
  assert.ok(!(await isListed()));
});

function podTemplate(name: string, label?: string): object {
  return {
    metadata: { name, ...(label !== undefined && { labels: { [label]: "true" } }) },
    template: { spec: { containers: [{ name: "nginx", image: "nginx" }] } },
  };
}

test("[sig-node] PodTemplates should run the lifecycle of PodTemplates [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "podtemplate");
  const templates = api.core<V1PodTemplate>("podtemplates", ns);
  const everywhere = api.core<V1PodTemplate>("podtemplates");
  const constant = { labelSelector: "podtemplate-static=true" };
  const name = `nginx-pod-template-${randomUUID()}`;
  assert.equal((await everywhere.list(constant)).items.length, 0);
  await templates.create(podTemplate(name, "podtemplate-static"));
  const read = await templates.get(name);
  assert.equal(read.metadata!.name, name);
  assert.match(read.metadata!.resourceVersion!, /^[1-9]\d*$/);
  const patched = await templates.patch(name, "strategic", {
    metadata: { labels: { podtemplate: "patched" } },
  });
  assert.ok(BigInt(read.metadata!.resourceVersion!) < BigInt(patched.metadata!.resourceVersion!));
  assert.equal((await templates.get(name)).metadata!.labels!["podtemplate"], "patched");
  await templates.delete(name);
  assert.equal((await everywhere.list(constant)).items.length, 0);
});

test("[sig-node] PodTemplates should delete a collection of pod templates [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "podtemplate");
  const templates = api.core<V1PodTemplate>("podtemplates", ns);
  const set = { labelSelector: "podtemplate-set=true" };
  const names = ["test-podtemplate-1", "test-podtemplate-2", "test-podtemplate-3"];
  for (const name of names) await templates.create(podTemplate(name, "podtemplate-set"));
  assert.equal((await templates.list(set)).items.length, names.length);
  await templates.deleteCollection(set);
  await eventually("no template of the set is left", 60_000, async () =>
    (await templates.list(set)).items.length === 0 ? true : undefined,
  );
});

test("[sig-node] PodTemplates should replace a pod template [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "podtemplate");
  const templates = api.core<V1PodTemplate>("podtemplates", ns);
  await templates.create(podTemplate("podtemplate-replaced"));
  const updated = await templates.change("podtemplate-replaced", ({ metadata }) => {
    metadata!.annotations = { updated: "true" };
  });
  assert.equal(updated.metadata!.annotations!["updated"], "true");
});
