import assert from "node:assert/strict";
import { test } from "node:test";
import { setOfPaths } from "../../api/apply/field-set.ts";
import type { ManagedFieldsEntry } from "../../api/meta/type.ts";
import { podKind } from "../../api/pod/kind.ts";
import { serviceKind } from "../../api/service/kind.ts";
import type { Service } from "../../api/service/type.ts";
import type { RegistryWriteOptions } from "../registry.ts";
import { ALICE, refusal, service, startRegistry } from "./registry-fixture.ts";

const WEB = { namespace: "default", name: "web" };
const BASE = { apiVersion: "v1", kind: "Service", metadata: { name: "web" } };

async function start(t: Parameters<typeof startRegistry>[0]) {
  const { registry } = await startRegistry(t);
  const patch = async (
    type: "json" | "merge",
    body: unknown,
    options: RegistryWriteOptions = { fieldManager: "patcher" },
  ): Promise<Service> =>
    (await registry.patch(serviceKind, WEB, { type, patch: body }, options, ALICE)).object;
  const apply = async (
    config: unknown,
    force = false,
    options: RegistryWriteOptions = { fieldManager: "applier" },
  ) => registry.patch(serviceKind, WEB, { type: "apply", patch: config, force }, options, ALICE);
  const create = async (): Promise<Service> =>
    registry.create(serviceKind, "default", service("web"), { fieldManager: "maker" }, ALICE);
  return { registry, patch, apply, create };
}

function names({ metadata: { managedFields = [] } }: Service): string[] {
  return managedFields.map(({ manager, operation, subresource }) =>
    [manager, operation, subresource].filter((part) => part !== undefined).join(" "),
  );
}

const entryOf = ({ metadata }: Service, manager: string): ManagedFieldsEntry | undefined =>
  metadata.managedFields?.find((entry) => entry.manager === manager);

test("who creates owns what was sent and defaulted, not what the server chose", async (t) => {
  const { create } = await start(t);
  const made = await create();
  assert.deepEqual(made.metadata.managedFields, [
    {
      manager: "maker",
      operation: "Update",
      apiVersion: "v1",
      time: "2026-01-02T03:04:05Z",
      fieldsType: "FieldsV1",
      fieldsV1: {
        "f:spec": {
          "f:internalTrafficPolicy": {},
          "f:ports": {
            ".": {},
            'k:{"port":80,"protocol":"TCP"}': { ".": {}, "f:port": {}, "f:protocol": {}, "f:targetPort": {} },
          },
          "f:selector": {},
          "f:sessionAffinity": {},
          "f:type": {},
        },
      },
    },
  ]);
});

test("status belongs to who writes /status, and the main resource cannot take it", async (t) => {
  const { create, patch } = await start(t);
  await create();
  const ingress = (ip: string): object => ({
    status: { loadBalancer: { ingress: [{ ip }] } },
    spec: { type: "LoadBalancer" },
  });
  const main = await patch("merge", ingress("192.0.2.1"));
  assert.deepEqual(entryOf(main, "patcher")!.fieldsV1, {
    "f:spec": { "f:allocateLoadBalancerNodePorts": {}, "f:externalTrafficPolicy": {}, "f:type": {} },
  });
  const status = await patch("merge", ingress("192.0.2.2"), { fieldManager: "cloud", subresource: "status" });
  assert.deepEqual(names(status), ["cloud Update status", "maker Update", "patcher Update"]);
  assert.deepEqual(
    entryOf(status, "cloud")!.fieldsV1,
    setOfPaths(["f:status", "f:loadBalancer", "f:ingress"]),
  );
});

test("what clients send as managedFields: [{}] forgets them, nonsense and nothing change nothing", async (t) => {
  const { create, patch } = await start(t);
  const before = await create();
  for (const managedFields of [null, [], [{ manager: "x" }], [{ operation: "Update", apiVersion: "v1" }]])
    assert.deepEqual((await patch("merge", { metadata: { managedFields } })).metadata, before.metadata);
  assert.deepEqual(
    (
      await patch(
        "merge",
        { metadata: { managedFields: [{}] } },
        { fieldManager: "x", subresource: "status" },
      )
    ).metadata,
    before.metadata,
  );
  const cleared = await patch("json", [{ op: "replace", path: "/metadata/managedFields", value: [{}] }]);
  assert.equal(cleared.metadata.managedFields, undefined);
  // From then on nobody is tracked, until the first apply finds everything owned.
  const later = await patch("merge", { metadata: { labels: { a: "1" } } });
  assert.equal(later.metadata.managedFields, undefined);
});

test("names that a client makes up for managers must be printable and short", async (t) => {
  const { create, patch } = await start(t);
  await create();
  const named = (manager: string): object => ({
    metadata: {
      managedFields: [
        {
          manager,
          operation: "Apply",
          apiVersion: "v1",
          fieldsType: "FieldsV1",
          fieldsV1: { "f:spec": { "f:type": {} } },
        },
      ],
    },
  });
  assert.match(
    await refusal(patch("merge", named("x".repeat(129)))),
    /^422 .*metadata\.managedFields\[0\]\.manager: Too long: may not be more than 128 bytes$/,
  );
  assert.match(
    await refusal(patch("merge", named("a\u0007"))),
    /^422 .*manager: Invalid value: "a\\u0007": invalid character U\+0007 \(at position 1\)$/,
  );
  assert.deepEqual(names(await patch("merge", named("made up"))), ["made up Apply"]);
});

test("what was there before the first apply has an owner of its own", async (t) => {
  const { create, patch, apply } = await start(t);
  await create();
  await patch("merge", { metadata: { managedFields: [{}] } });
  assert.match(
    await refusal(apply({ ...BASE, spec: { selector: { other: "x" } } })),
    /conflict with "before-first-apply" using v1: \.spec\.selector$/,
  );
  const { object } = await apply({ ...BASE, metadata: { name: "web", labels: { a: "1" } } });
  assert.deepEqual(names(object), ["applier Apply", "before-first-apply Update"]);
});

test("a write that changes nothing but times is none", async (t) => {
  const { registry, create, patch, apply } = await start(t);
  const made = await create();
  const again = await registry.update(
    serviceKind,
    WEB,
    structuredClone(made),
    { fieldManager: "other" },
    ALICE,
  );
  assert.equal(again.object.metadata.resourceVersion, made.metadata.resourceVersion);
  // Written differently, meaning the same.
  const same = await patch("merge", { spec: { clusterIP: null, type: null } });
  assert.equal(same.metadata.resourceVersion, made.metadata.resourceVersion);
  const config = { ...BASE, spec: { publishNotReadyAddresses: false } };
  const { object: first } = await apply(config);
  const { object: second } = await apply(config);
  assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion);
});

test("an apply makes what is missing, and is refused in upstream's words", async (t) => {
  const { registry, apply } = await start(t);
  const rows: [config: unknown, expected: string][] = [
    [{ ...BASE, kind: "Pod" }, "400 BadRequest: invalid object type: /v1, Kind=Pod"],
    [{ ...BASE, apiVersion: "v2" }, "400 BadRequest: invalid object type: /v2, Kind=Service"],
    [
      { ...BASE, metadata: { name: "web", managedFields: [] } },
      "400 BadRequest: metadata.managedFields must be nil",
    ],
    [
      { ...BASE, metadata: {} },
      "400 BadRequest: the name of the object (web based on URL) was undeterminable: name must be provided",
    ],
    [
      { ...BASE, metadata: { name: "other" } },
      "400 BadRequest: the name of the object (other) does not match the name on the URL (web)",
    ],
    [
      { ...BASE, metadata: { name: "web", uid: "u" } },
      '409 Conflict: Operation cannot be fulfilled on services "web": uid mismatch: the provided object specified uid u, and no existing object was found',
    ],
    [
      { ...BASE, spec: { ports: [{ port: "80" }, { port: 81 }, { port: 81 }] } },
      '400 BadRequest: failed to create typed patch object (/web; /v1, Kind=Service): errors:\n  .spec.ports[port="80",protocol="TCP"].port: expected numeric (int or float), got string\n  .spec.ports: duplicate entries for key [port=81,protocol="TCP"]',
    ],
    [{ ...BASE, spec: { ports: [{ port: 80, name: "-" }] } }, /spec\.ports\[0\]\.name/.source],
  ];
  for (const [config, expected] of rows)
    if (expected.startsWith("4")) assert.equal(await refusal(apply(config)), expected);
    else assert.match(await refusal(apply(config)), new RegExp(expected));
  assert.match(await refusal(registry.get(serviceKind, WEB)), /^404/);
  const config = { ...BASE, spec: { ports: [{ port: 80 }] } };
  const dry = await apply(config, false, { fieldManager: "applier", dryRun: true });
  assert.equal(dry.created, true);
  assert.match(await refusal(registry.get(serviceKind, WEB)), /^404/);
  const made = await apply(config);
  assert.equal(made.created, true);
  assert.deepEqual(names(made.object), ["applier Apply"]);
  const { resourceVersion, uid } = made.object.metadata;
  assert.match(
    await refusal(apply({ ...config, metadata: { name: "web", resourceVersion: "1" } })),
    /^409 Conflict: .*the object has been modified/,
  );
  assert.equal((await apply({ ...config, metadata: { name: "web", resourceVersion, uid } })).created, false);
  assert.match(
    await refusal(apply({ ...config, metadata: { name: "web", uid: "u" } })),
    /^422 Invalid: .* metadata.uid: Invalid value: "u": field is immutable$/,
  );
});

test("a version in what is applied to nothing means nothing", async (t) => {
  const { apply } = await start(t);
  const metadata = { name: "web", resourceVersion: "1" };
  assert.equal((await apply({ ...BASE, metadata, spec: { ports: [{ port: 80 }] } })).created, true);
});

test("two who apply at the same time both get through", async (t) => {
  const { apply } = await start(t);
  const results = await Promise.all(
    Array.from({ length: 20 }, async (_, n) =>
      apply(
        { ...BASE, metadata: { name: "web", labels: { [`l${n}`]: "x" } }, spec: { ports: [{ port: 80 }] } },
        false,
        {
          fieldManager: `m${n}`,
        },
      ),
    ),
  );
  assert.equal(results.filter(({ created }) => created).length, 1);
  const { object } = await apply({ ...BASE, spec: { ports: [{ port: 80 }] } });
  assert.equal(Object.keys(object.metadata.labels!).length, 20);
});

test("controllers own what they write under the name they call as", async (t) => {
  const { registry } = await start(t);
  const made = await registry.create(
    podKind,
    "default",
    { metadata: { name: "p" }, spec: { containers: [{ name: "c", image: "i" }] } },
    {},
    { user: { name: "system:fairlead", groups: [] } },
  );
  const [entry] = made.metadata.managedFields!;
  assert.equal(entry!.manager, "fairlead");
  const spec = entry!.fieldsV1!["f:spec"] as Record<string, object>;
  assert.deepEqual(Object.keys(spec["f:containers"]!), ['k:{"name":"c"}'], "a required list is nobody's");
});
