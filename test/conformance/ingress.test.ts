/** Upstream: test/e2e/network/ingress.go and ingressclass.go. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { V1Ingress, V1IngressClass } from "@kubernetes/client-node";
import { expectApiGroup } from "./api-groups.ts";
import { startCluster } from "./cluster.ts";
import { FOREVER, eventually } from "../lab/eventually.ts";
import { isRefused, type Resource, type Wire } from "./resource.ts";
import type { Watching } from "./watching.ts";

const GROUP_VERSION = "networking.k8s.io/v1";

const cluster = await startCluster();
const { api } = cluster;
const classes = api.of<V1IngressClass>(GROUP_VERSION, "ingressclasses");

function ingressesIn(namespace?: string): Resource<V1Ingress> {
  return api.of<V1Ingress>(GROUP_VERSION, "ingresses", namespace);
}

/** Every event is MODIFIED, up to the one that has the annotation. */
async function expectPatched(watch: Watching<Wire<V1Ingress | V1IngressClass>>): Promise<void> {
  for (let seen = false; !seen;) {
    const { type, object } = await watch.next(FOREVER);
    assert.equal(type, "MODIFIED");
    seen = object.metadata!.annotations?.["patched"] === "true";
  }
}

test("[sig-network] Ingress API should support creating Ingress API operations [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "ingress");
  const ingresses = ingressesIn(ns);
  const ours = { labelSelector: `special-label=${ns}` };
  const template = (host: string): object => ({
    metadata: { generateName: "e2e-example-ing", labels: { "special-label": ns } },
    spec: {
      defaultBackend: { service: { name: "default-backend", port: { number: 8080 } } },
      rules: [
        {
          host,
          http: {
            paths: [
              {
                path: "/",
                pathType: "ImplementationSpecific",
                backend: { service: { name: "test-backend", port: { number: 8080 } } },
              },
            ],
          },
        },
      ],
    },
    status: { loadBalancer: {} },
  });
  await expectApiGroup(api, "networking.k8s.io", "v1", "ingresses");

  await ingresses.create(template("host1.bar.com"));
  await ingresses.create(template("host2.bar.com"));
  const created = await ingresses.create(template("host3.bar.com"));
  const name = created.metadata!.name!;
  assert.equal((await ingresses.get(name)).metadata!.uid, created.metadata!.uid);
  const list = await ingresses.list(ours);
  assert.equal(list.items.length, 3);
  const { resourceVersion } = list.metadata;
  await using watch = await ingresses.watch({ ...ours, resourceVersion });
  assert.equal((await ingressesIn().list(ours)).items.length, 3);
  await using _clusterWide = await ingressesIn().watch({ ...ours, resourceVersion });

  const patched = await ingresses.patch(name, "merge", { metadata: { annotations: { patched: "true" } } });
  assert.equal(patched.metadata!.annotations!["patched"], "true");
  const updated = await ingresses.change(name, ({ metadata }) => {
    metadata!.annotations!["updated"] = "true";
  });
  assert.equal(updated.metadata!.annotations!["updated"], "true");
  await expectPatched(watch);

  const loadBalancer = { ingress: [{ ip: "169.1.1.1" }] };
  const patchedStatus = await ingresses.patch(
    name,
    "merge",
    { metadata: { annotations: { patchedstatus: "true" } }, status: { loadBalancer } },
    { subresource: "status" },
  );
  assert.deepEqual(patchedStatus.status!.loadBalancer, loadBalancer);
  assert.equal(patchedStatus.metadata!.annotations!["patchedstatus"], "true");
  const updatedStatus = await ingresses.change(
    name,
    (ingress) => {
      ingress.status!.loadBalancer = { ingress: [{ ip: "169.1.1.2" }] };
    },
    { subresource: "status" },
  );
  assert.deepEqual(updatedStatus.status!.loadBalancer, { ingress: [{ ip: "169.1.1.2" }] });
  assert.equal((await ingresses.get(name, "status")).metadata!.uid, created.metadata!.uid);

  await ingresses.delete(name);
  await assert.rejects(ingresses.get(name), (error) => isRefused(error, 404));
  assert.equal((await ingresses.list(ours)).items.length, 2);
  await ingresses.deleteCollection(ours);
  assert.equal((await ingresses.list(ours)).items.length, 0);
});

function ingressClass(name: string, owner: string, isDefault = false): object {
  return {
    metadata: {
      name,
      labels: { ingressclass: owner, "special-label": "generic" },
      ...(isDefault && { annotations: { "ingressclass.kubernetes.io/is-default-class": "true" } }),
    },
    spec: { controller: "example.com/controller" },
  };
}

test("[sig-network] IngressClass API should support creating IngressClass API operations [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "ingressclass");
  await expectApiGroup(api, "networking.k8s.io", "v1", "ingressclasses");
  const ours = { labelSelector: `ingressclass=${ns}` };
  const name = "ingressclass1";
  const created = await classes.create(ingressClass(name, ns));
  await classes.create(ingressClass("ingressclass2", ns));
  await classes.create(ingressClass("ingressclass3", ns));
  assert.equal((await classes.get(name)).metadata!.uid, created.metadata!.uid);
  const list = await classes.list({ labelSelector: "special-label=generic" });
  assert.equal(list.items.length, 3);
  await using watch = await classes.watch({ ...ours, resourceVersion: list.metadata.resourceVersion });

  const patched = await classes.patch(name, "merge", { metadata: { annotations: { patched: "true" } } });
  assert.equal(patched.metadata!.annotations!["patched"], "true");
  patched.metadata!.annotations!["updated"] = "true";
  const updated = await classes.update(patched);
  assert.equal(updated.metadata!.annotations!["updated"], "true");
  await expectPatched(watch);

  await classes.delete(name);
  await assert.rejects(classes.get(name), (error) => isRefused(error, 404));
  assert.equal((await classes.list(ours)).items.length, 2);
  await classes.deleteCollection(ours);
  assert.equal((await classes.list(ours)).items.length, 0);
});

function basicIngress(): object {
  return {
    metadata: { name: "ingress1" },
    spec: { defaultBackend: { service: { name: "defaultbackend", port: { number: 80 } } } },
  };
}

test("[sig-network] IngressClass [Feature:Ingress] should set default value on new IngressClass [Serial]", async (t) => {
  const ns = await cluster.namespace(t, "ingressclass");
  await classes.create(ingressClass("ingressclass1", ns, true));
  t.after(() => classes.delete("ingressclass1"));
  const ingress = await ingressesIn(ns).create(basicIngress());
  assert.equal(ingress.spec!.ingressClassName, "ingressclass1");
});

test("[sig-network] IngressClass [Feature:Ingress] should not set default value if no default IngressClass [Serial]", async (t) => {
  const ns = await cluster.namespace(t, "ingressclass");
  await classes.create(ingressClass("ingressclass1", ns));
  t.after(() => classes.delete("ingressclass1"));
  const ingress = await ingressesIn(ns).create(basicIngress());
  assert.equal(ingress.spec!.ingressClassName, undefined);
});

/** Since 1.26 the newest default class is taken; before, two default classes made the creation fail. */
test("[sig-network] IngressClass [Feature:Ingress] should choose the one with the later CreationTimestamp, if equal the one with the lower name when two ingressClasses are marked as default [Serial]", async (t) => {
  const ns = await cluster.namespace(t, "ingressclass");
  const [first, second] = ["ingressclass1", "ingressclass2"] as const;
  const created = [];
  for (const name of [first, second]) {
    created.push(await classes.create(ingressClass(name, ns, true)));
    t.after(() => classes.delete(name));
  }
  const times = created.map(({ metadata }) => metadata!.creationTimestamp as unknown as string);
  const expected = times[0] === times[1] ? first : second;
  await eventually("the ingress has the class of the later time", 60_000, async () => {
    const ingress = await ingressesIn(ns).create(basicIngress());
    await ingressesIn(ns).delete("ingress1");
    return ingress.spec!.ingressClassName === expected ? true : undefined;
  });
});

test("[sig-network] IngressClass [Feature:Ingress] should allow IngressClass to have Namespace-scoped parameters [Serial]", async (t) => {
  const created = await classes.create({
    metadata: {
      name: "ingressclass1",
      labels: { ingressclass: "parameters", "special-label": "generic" },
    },
    spec: {
      controller: "example.com/controller",
      parameters: {
        scope: "Namespace",
        namespace: "foo-ns",
        kind: "fookind",
        name: "fooname",
        apiGroup: "example.com",
      },
    },
  });
  t.after(() => classes.delete("ingressclass1"));
  assert.equal(created.spec!.parameters!.scope, "Namespace");
});
