/**
 * What the conformance tests ask of custom resources. Upstream, all in test/e2e/apimachinery: field_validation.go, apply.go,
 * aggregated_discovery.go, discovery.go, openapiv3.go, garbage_collector.go.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import type { V1CustomResourceDefinition, V1ObjectMeta } from "@kubernetes/client-node";
import type { Scope } from "../api-fixture.ts";
import { startCluster } from "./cluster.ts";
import { FOREVER, eventually } from "../lab/eventually.ts";
import { isRefused, type Resource, type Wire } from "./resource.ts";

interface Custom {
  readonly metadata: V1ObjectMeta;
  readonly spec?: {
    readonly replicas?: number;
    readonly ports?: readonly object[];
    readonly atomicList?: readonly string[];
  };
}

interface Defined {
  readonly group: string;
  readonly kind: string;
  readonly plural: string;
  /** "<group>/v1beta1" and "<group>/v1" */
  readonly versions: readonly [string, string];
  /** The custom resources, of the version at this place. */
  readonly resources: (version: 0 | 1) => Resource<Custom>;
}

const AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const ALLOW_ALL = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
const CRON_SPEC = {
  type: "string",
  pattern: String.raw`^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$`,
};
const PORTS = {
  type: "array",
  "x-kubernetes-list-map-keys": ["containerPort", "protocol"],
  "x-kubernetes-list-type": "map",
  items: {
    type: "object",
    properties: {
      containerPort: { format: "int32", type: "integer" },
      hostIP: { type: "string" },
      hostPort: { format: "int32", type: "integer" },
      name: { type: "string" },
      protocol: { type: "string" },
    },
    required: ["containerPort", "protocol"],
  },
};

const cluster = await startCluster();
const { api } = cluster;
const definitions = api.of<V1CustomResourceDefinition>(
  "apiextensions.k8s.io/v1",
  "customresourcedefinitions",
);

function schemaOf(properties: object, spec: object = {}): object {
  return { type: "object", properties: { spec: { type: "object", ...spec, properties } } };
}

/** As upstream's fixtures: two versions, of all namespaces together, a random name; waits until it is served. */
async function define(t: Scope, schema: object): Promise<Defined> {
  const group = "mygroup.example.com";
  const kind = `Foo${randomBytes(3).toString("hex")}`;
  const plural = `${kind.toLowerCase()}s`;
  const name = `${plural}.${group}`;
  const version = (name: string, storage: boolean): object => ({
    name,
    served: true,
    storage,
    schema: { openAPIV3Schema: schema },
  });
  await definitions.create({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name },
    spec: {
      group,
      versions: [version("v1beta1", true), version("v1", false)],
      names: { plural, singular: kind.toLowerCase(), kind, listKind: `${kind}List` },
      scope: "Cluster",
    },
  });
  const resources = (at: 0 | 1): Resource<Custom> => api.of<Custom>(versions[at], plural);
  const versions = [`${group}/v1beta1`, `${group}/v1`] as const;
  t.after(async () => {
    if ((await definitions.find(name)) === undefined) return;
    // What has a finalizer would keep the definition for ever.
    for (const { metadata } of (await resources(0).list()).items)
      await resources(0).patch(metadata.name!, "merge", { metadata: { finalizers: [] } });
    await definitions.delete(name);
  });
  await eventually(`${name} is established`, FOREVER, async () => {
    const { status } = await definitions.get(name);
    const established = status?.conditions?.find(({ type }) => type === "Established");
    return established?.status === "True" ? true : undefined;
  });
  await eventually(`${name} is served`, FOREVER, async () =>
    (await api.serves(versions[0], plural)) ? true : undefined,
  );
  return { group, kind, plural, versions, resources };
}

const SPEC = `  foo: foo1
  cronSpec: "* * * * */5"
  ports:
  - name: x
    containerPort: 80
    protocol: TCP`;

/** Upstream's YAML; its line numbers count, from the empty first line on. */
function yaml({ versions, kind }: Defined, metadata: string, spec: string, root = ""): string {
  return `
apiVersion: ${versions[0]}
kind: ${kind}
metadata:
  name: mytest
${metadata}  finalizers:
  - test-finalizer
${root}spec:
${spec}`;
}

function applyStrictly(defined: Defined, body: string): Promise<Wire<Custom>> {
  return defined
    .resources(0)
    .patch("mytest", "apply", body, { fieldManager: "field_validation_mgr", fieldValidation: "Strict" });
}

async function expectMessage(refused: Promise<unknown>, ...anyOf: readonly string[]): Promise<void> {
  await assert.rejects(refused, (error) => {
    const message = String(error);
    assert.ok(
      anyOf.some((text) => message.includes(text)),
      message,
    );
    return true;
  });
}

test("[sig-api-machinery] FieldValidation should create/apply a valid CR for CRD with validation schema [Conformance]", async (t) => {
  const defined = await define(t, schemaOf({ foo: { type: "string" }, cronSpec: CRON_SPEC, ports: PORTS }));
  await applyStrictly(defined, yaml(defined, "", SPEC));
});

test("[sig-api-machinery] FieldValidation should create/apply a CR with unknown fields for CRD with no validation schema [Conformance]", async (t) => {
  const defined = await define(t, ALLOW_ALL);
  await applyStrictly(defined, yaml(defined, "", SPEC.replace("foo: foo1", "unknown: uk1")));
});

test("[sig-api-machinery] FieldValidation should create/apply an invalid CR with extra properties for CRD with validation schema [Conformance]", async (t) => {
  const defined = await define(t, schemaOf({ foo: { type: "string" }, cronSpec: CRON_SPEC, ports: PORTS }));
  await expectMessage(
    applyStrictly(defined, yaml(defined, "", SPEC, "unknownField: unknown\n")),
    ".unknownField: field not declared in schema",
  );
});

test("[sig-api-machinery] FieldValidation should detect unknown metadata fields in both the root and embedded object of a CR [Conformance]", async (t) => {
  const template = {
    type: "object",
    "x-kubernetes-embedded-resource": true,
    properties: {
      metadata: { type: "object", properties: { name: { type: "string" } } },
      spec: { type: "object" },
    },
  };
  const defined = await define(
    t,
    schemaOf(
      { template, foo: { type: "string" }, cronSpec: CRON_SPEC, ports: PORTS },
      { "x-kubernetes-preserve-unknown-fields": true },
    ),
  );
  const embedded = `  template:
    apiversion: foo/v1
    kind: Sub
    metadata:
        unknownSubMeta: unknown
        name: subobject
        namespace: default
`;
  await expectMessage(
    applyStrictly(defined, yaml(defined, "  unknownMeta: unknown\n", embedded + SPEC)),
    ".spec.template.metadata.unknownSubMeta: field not declared in schema",
    ".metadata.unknownMeta: field not declared in schema",
  );
});

test("[sig-api-machinery] FieldValidation should detect duplicates in a CR when preserving unknown fields [Conformance]", async (t) => {
  const defined = await define(
    t,
    schemaOf(
      { foo: { type: "string" }, cronSpec: CRON_SPEC, ports: PORTS },
      { "x-kubernetes-preserve-unknown-fields": true },
    ),
  );
  await expectMessage(
    applyStrictly(
      defined,
      yaml(defined, "", SPEC.replace("  foo: foo1", "  unknown: uk1\n  foo: foo1\n  foo: foo2")),
    ),
    'line 11: key "foo" already set in map',
  );
});

test("[sig-api-machinery] ServerSideApply should work for CRDs", async (t) => {
  const defined = await define(
    t,
    schemaOf({ cronSpec: CRON_SPEC, ports: PORTS }, { "x-kubernetes-preserve-unknown-fields": true }),
  );
  const { kind, versions } = defined;
  const [beta, v1] = [defined.resources(0), defined.resources(1)];
  const name = "mytest";
  const port = (name: string, containerPort: number): object => ({ name, containerPort, protocol: "TCP" });
  const config = (version: 0 | 1, finalizers: string[] | undefined, spec: object): object => ({
    apiVersion: versions[version],
    kind,
    metadata: { name, ...(finalizers !== undefined && { finalizers }) },
    spec,
  });
  const spec = { cronSpec: "* * * * */5", replicas: 1, ports: [port("x", 80)] };
  const wanted = config(0, ["test-finalizer"], spec);
  const by = (fieldManager: string): { fieldManager: string } => ({ fieldManager });

  const created = await beta.patch(name, "apply", wanted, by("apply_test"));
  assert.deepEqual(created.metadata.finalizers, ["test-finalizer"]);
  assert.equal(created.spec!.replicas, 1);
  assert.equal(created.spec!.ports!.length, 1);
  // In another version, and without the finalizer there.
  const other = await v1.patch(name, "apply", config(1, undefined, spec), by("apply_test"));
  assert.equal(other.spec!.replicas, 1);
  assert.equal(other.spec!.ports!.length, 1);

  const two = await beta.patch(name, "merge", {
    metadata: { finalizers: ["test-finalizer", "another-one"] },
  });
  assert.equal(two.metadata.finalizers!.length, 2);
  const again = await beta.patch(name, "apply", wanted, by("apply_test"));
  assert.deepEqual(new Set(again.metadata.finalizers), new Set(["test-finalizer", "another-one"]));

  const five = await beta.patch(name, "merge", { spec: { replicas: 5 } });
  assert.equal(five.spec!.replicas, 5);
  const oneConflict = (error: unknown): boolean => {
    assert.ok(isRefused(error, 409), String(error));
    assert.equal((error.status.details!["causes"] as object[]).length, 1);
    return true;
  };
  await assert.rejects(beta.patch(name, "apply", wanted, by("apply_test")), oneConflict);
  const forced = await beta.patch(name, "apply", wanted, { ...by("apply_test"), force: true });
  assert.equal(forced.spec!.replicas, 1);

  const taken = config(0, undefined, { ports: [port("y", 80)] });
  await assert.rejects(beta.patch(name, "apply", taken, by("apply_test_2")), oneConflict);
  const free = config(0, undefined, { ports: [port("y", 8080)] });
  assert.equal((await beta.patch(name, "apply", free, by("apply_test_2"))).spec!.ports!.length, 2);

  const missing = { ...wanted, metadata: { name: "should-not-exist", finalizers: ["test-finalizer"] } };
  await assert.rejects(beta.update(missing, by("apply_test")), (error) => isRefused(error, 404));

  const atomic = await define(
    t,
    schemaOf(
      { atomicList: { type: "array", "x-kubernetes-list-type": "atomic", items: { type: "string" } } },
      { "x-kubernetes-preserve-unknown-fields": true },
    ),
  );
  const listOf = (item: string): object => ({
    apiVersion: atomic.versions[0],
    kind: atomic.kind,
    metadata: { name },
    spec: { atomicList: [item] },
  });
  const lists = atomic.resources(0);
  const first = await lists.patch(name, "apply", listOf("item1"), by("apply_test"));
  assert.deepEqual(first.spec!.atomicList, ["item1"]);
  const second = await lists.patch(name, "apply", listOf("item2"), { ...by("apply_test_2"), force: true });
  assert.deepEqual(second.spec!.atomicList, ["item2"]);
});

test("[sig-api-machinery] AggregatedDiscovery should support raw aggregated discovery request for CRDs [Conformance]", async (t) => {
  const { group, plural } = await define(t, ALLOW_ALL);
  await eventually("aggregated discovery has it", FOREVER, async () => {
    const { items } = await api.json<{
      items: {
        metadata: { name: string };
        versions: { version: string; resources: { resource: string }[] }[];
      }[];
    }>("/apis", { headers: { accept: AGGREGATED } });
    const version = items
      .find(({ metadata }) => metadata.name === group)
      ?.versions.find(({ version }) => version === "v1");
    return version?.resources.find(({ resource }) => resource === plural);
  });
});

test("[sig-api-machinery] OpenAPIV3 should publish OpenAPI V3 for CustomResourceDefinition", async (t) => {
  const { group, plural } = await define(t, ALLOW_ALL);
  const documents = async (): Promise<Record<string, { serverRelativeURL: string }>> =>
    (await api.json<{ paths: Record<string, { serverRelativeURL: string }> }>("/openapi/v3")).paths;
  const { serverRelativeURL } = await eventually(
    "/openapi/v3 has it",
    FOREVER,
    async () => (await documents())[`apis/${group}/v1beta1`],
  );
  const { paths } = await api.json<{ paths: Record<string, object> }>(serverRelativeURL);
  assert.ok(paths[`/apis/${group}/v1beta1/${plural}`] !== undefined);
  await definitions.delete(`${plural}.${group}`);
  await eventually("/openapi/v3 has it no more", FOREVER, async () => {
    const left = (await documents())[`apis/${group}/v1beta1`];
    if (left === undefined) return true;
    // The group may still be there for another definition's sake.
    const { paths } = await api.json<{ paths: Record<string, object> }>(left.serverRelativeURL);
    return paths[`/apis/${group}/v1beta1/${plural}`] === undefined ? true : undefined;
  });
});

test("[sig-api-machinery] Garbage collector should support cascading deletion of custom resources", async (t) => {
  const { kind, versions, resources } = await define(t, ALLOW_ALL);
  const customs = resources(0);
  const head = { apiVersion: versions[0], kind };
  const owner = await customs.create({ ...head, metadata: { name: "owner" } });
  await customs.create({
    ...head,
    metadata: {
      name: "dependent",
      ownerReferences: [{ ...head, name: "owner", uid: owner.metadata.uid }],
    },
  });
  await customs.delete("owner", { propagationPolicy: "Background" });
  await eventually("the dependent is collected", 60_000, async () =>
    (await customs.find("dependent")) === undefined ? true : undefined,
  );
  assert.equal(await customs.find("owner"), undefined);
});
