/** CustomResourceDefinitions against a real server: over HTTP, and with every kubectl that is here. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createMemoryStore } from "../src/store/memory/memory-store.ts";
import { type ApiFixture, startApi, watchLines } from "./api-fixture.ts";
import { CRON_TAB, CRON_TABS, DEFINITION } from "./custom-resource-objects.ts";
import { findKubectls, kubectlFor } from "./kubectl-fixture.ts";
import { until } from "./lab/eventually.ts";

const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const TABS = "/apis/stable.example.com/v1/namespaces/default/crontabs";

type Json = Record<string, unknown>;

/** Creates the definition and waits until it is established. */
async function define(api: ApiFixture, definition: object = DEFINITION): Promise<void> {
  const created = await api.call(DEFINITIONS, { method: "POST", body: definition });
  assert.equal(created.status, 201, created.text);
  const { metadata } = definition as { metadata: { name: string } };
  await until(
    async () => conditionOf(await api.call(`${DEFINITIONS}/${metadata.name}`), "Established") === "True",
  );
}

function conditionOf(reply: { json: () => Json }, type: string): string | undefined {
  const { status } = reply.json() as { status?: { conditions?: { type: string; status: string }[] } };
  return status?.conditions?.find((condition) => condition.type === type)?.status;
}

const merge = { "content-type": "application/merge-patch+json" };

test("a defined kind is served, with defaults, columns, its status and its scale", async (t) => {
  const api = await startApi(t);
  await define(api);
  const created = await api.call(TABS, {
    method: "POST",
    body: { ...CRON_TAB, status: { phase: "No" }, junk: 1 },
  });
  assert.equal(created.status, 201, created.text);
  assert.match(String(created.headers["warning"]), /unknown field \\"junk\\"/);
  const object = created.json() as { metadata: Json; spec: Json };
  assert.deepEqual(object.spec, { ...CRON_TAB.spec, image: "busybox", replicas: 1 });
  assert.equal("status" in object, false);
  assert.equal(object.metadata["generation"], 1);

  const status = await api.call(`${TABS}/nightly/status`, {
    method: "PATCH",
    headers: merge,
    body: { spec: { replicas: 9 }, status: { replicas: 1, selector: "app=cron", phase: "Ready" } },
  });
  assert.equal(status.status, 200, status.text);
  assert.equal((status.json()["spec"] as Json)["replicas"], 1);
  const scale = (await api.call(`${TABS}/nightly/scale`)).json();
  assert.deepEqual(
    [scale["kind"], scale["spec"], scale["status"]],
    ["Scale", { replicas: 1 }, { replicas: 1, selector: "app=cron" }],
  );
  const scaled = await api.call(`${TABS}/nightly/scale`, {
    method: "PATCH",
    headers: merge,
    body: { spec: { replicas: 4 } },
  });
  assert.equal(scaled.status, 200, scaled.text);
  const now = (await api.call(`${TABS}/nightly`)).json() as { metadata: Json; spec: Json; status: Json };
  assert.deepEqual([now.spec["replicas"], now.status["phase"], now.metadata["generation"]], [4, "Ready", 2]);

  const table = await api.call(TABS, {
    headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" },
  });
  const { columnDefinitions, rows } = table.json() as {
    columnDefinitions: { name: string; priority: number }[];
    rows: { cells: unknown[] }[];
  };
  assert.deepEqual(
    columnDefinitions.map(({ name }) => name),
    ["Name", "Spec", "Replicas", "Phase", "Age"],
  );
  assert.deepEqual(rows[0]!.cells.slice(0, 4), ["nightly", "0 3 * * *", 4, "Ready"]);

  for (const [mode, count] of [
    ["Slow", 1],
    ["Fast", 0],
  ] as const) {
    const { items } = (await api.call(`${TABS}?fieldSelector=spec.mode%3D${mode}`)).json();
    assert.equal((items as unknown[]).length, count, mode);
  }
  const strategic = await api.call(`${TABS}/nightly`, {
    method: "PATCH",
    headers: { "content-type": "application/strategic-merge-patch+json" },
    body: {},
  });
  assert.equal(strategic.status, 415, strategic.text);
});

test("both versions show the same object, whichever it was written in", async (t) => {
  const api = await startApi(t);
  await define(api);
  const older = TABS.replace("/v1/", "/v1beta1/");
  const created = await api.call(older, {
    method: "POST",
    body: { ...CRON_TAB, apiVersion: "stable.example.com/v1beta1" },
  });
  assert.equal(created.status, 201, created.text);
  assert.match(String(created.headers["warning"]), /stable.example.com\/v1beta1 CronTab is deprecated/);
  const [one, other] = [await api.call(`${TABS}/nightly`), await api.call(`${older}/nightly`)];
  assert.deepEqual(
    [one.json()["apiVersion"], other.json()["apiVersion"]],
    ["stable.example.com/v1", "stable.example.com/v1beta1"],
  );
  assert.deepEqual({ ...one.json(), apiVersion: "" }, { ...other.json(), apiVersion: "" });
  // The storage version may change: what is stored is shown in it all the same.
  const versions = DEFINITION.spec.versions.map((version) => ({ ...version, storage: !version.storage }));
  const changed = await api.call(`${DEFINITIONS}/${CRON_TABS}`, {
    method: "PATCH",
    headers: merge,
    body: { spec: { versions } },
  });
  assert.equal(changed.status, 200, changed.text);
  assert.deepEqual((changed.json()["status"] as Json)["storedVersions"], ["v1", "v1beta1"]);
  await until(async () => (await api.call(`${older}/nightly`)).status === 200);
  assert.equal((await api.call(`${TABS}/nightly`)).json()["apiVersion"], "stable.example.com/v1");
  assert.equal((await api.call(`${older}/nightly`)).json()["apiVersion"], "stable.example.com/v1beta1");
});

test("what the schema forbids is refused in upstream's words", async (t) => {
  const api = await startApi(t);
  await define(api);
  const rows: [Json, string][] = [
    [{ cronSpec: undefined }, "spec.cronSpec: Required value"],
    [
      { cronSpec: 5 },
      'spec.cronSpec: Invalid value: "integer": spec.cronSpec in body must be of type string: "integer"',
    ],
    [{ mode: "Idle" }, 'spec.mode: Unsupported value: "Idle": supported values: "Fast", "Slow"'],
    [
      { replicas: 11 },
      "spec.replicas: Invalid value: 11: spec.replicas in body should be less than or equal to 10",
    ],
    [{ image: "a".repeat(21) }, "spec.image: Too long: may not be more than 20 bytes"],
    [{ tags: ["a", "a"] }, 'spec.tags[1]: Duplicate value: "a"'],
    [{ tags: ["a", "b", "c", "d"] }, "spec.tags: Too many: 4: must have at most 3 items"],
    [{ steps: [{ name: "a" }, { name: "a" }] }, 'spec.steps[1]: Duplicate value: {"name":"a"}'],
    [
      { until: "soon" },
      'spec.until: Invalid value: "soon": spec.until in body must be of type date-time: "soon"',
    ],
    [
      { port: true },
      'spec.port: Invalid value: "boolean": spec.port in body must be of type integer,string: "boolean"',
    ],
  ];
  for (const [change, message] of rows) {
    const reply = await api.call(TABS, {
      method: "POST",
      body: { ...CRON_TAB, spec: { ...CRON_TAB.spec, ...change } },
    });
    assert.equal(reply.status, 422, reply.text);
    assert.equal(reply.json()["message"], `CronTab.stable.example.com "nightly" is invalid: ${message}`);
  }
  const strict = await api.call(`${TABS}?fieldValidation=Strict`, {
    method: "POST",
    body: { ...CRON_TAB, spec: { ...CRON_TAB.spec, crons: 1 } },
  });
  assert.equal(strict.status, 400, strict.text);
  assert.match(strict.text, /strict decoding error: unknown field \\"spec.crons\\"/);
  const kept = await api.call(TABS, {
    method: "POST",
    body: {
      ...CRON_TAB,
      spec: {
        ...CRON_TAB.spec,
        free: { any: { thing: [1, null] } },
        note: null,
        replicas: null,
        port: "http",
      },
    },
  });
  assert.equal(kept.status, 201, kept.text);
  const { spec } = kept.json() as { spec: Json };
  assert.deepEqual(
    [spec["free"], spec["note"], spec["replicas"], spec["port"]],
    [{ any: { thing: [1, null] } }, null, 1, "http"],
  );
});

test("server-side apply merges lists as the schema says", async (t) => {
  const api = await startApi(t);
  await define(api);
  const apply = async (manager: string, steps: object[]): Promise<Json> => {
    const reply = await api.call(`${TABS}/nightly?fieldManager=${manager}`, {
      method: "PATCH",
      headers: { "content-type": "application/apply-patch+yaml" },
      body: { ...CRON_TAB, spec: { cronSpec: "0 3 * * *", steps } },
    });
    assert.ok(reply.status === 200 || reply.status === 201, reply.text);
    return (reply.json() as { spec: Json }).spec;
  };
  await apply("one", [{ name: "dump", seconds: 5 }]);
  const both = await apply("two", [{ name: "load" }]);
  assert.deepEqual(both["steps"], [{ name: "dump", seconds: 5 }, { name: "load" }]);
  const left = await apply("one", []);
  assert.deepEqual(left["steps"], [{ name: "load" }]);
});

test("a definition goes with its objects; watches of them end, and finalizers hold both", async (t) => {
  const api = await startApi(t);
  await define(api);
  const held = {
    ...CRON_TAB,
    metadata: { ...CRON_TAB.metadata, name: "held", finalizers: ["example.com/hold"] },
  };
  for (const body of [CRON_TAB, held])
    assert.equal((await api.call(TABS, { method: "POST", body })).status, 201);
  const response = await api.open(`${TABS}?watch=true`);
  const seen: string[] = [];
  const ended = (async () => {
    for await (const { type, object } of watchLines(response))
      seen.push(`${type} ${String(object.metadata["name"])}`);
  })();
  const deleted = await api.call(`${DEFINITIONS}/${CRON_TABS}`, { method: "DELETE" });
  assert.equal(deleted.status, 200, deleted.text);
  await until(
    async () => conditionOf(await api.call(`${DEFINITIONS}/${CRON_TABS}`), "Terminating") === "True",
  );
  await until(async () => (await api.call(`${TABS}/nightly`)).status === 404);
  assert.equal((await api.call(TABS, { method: "POST", body: CRON_TAB })).status, 405);
  assert.equal((await api.call(`${TABS}/held`)).status, 200);
  // Its terminating definition takes no patches of objects either, but the finalizer must go somehow.
  const freed = await api.call(`${TABS}/held`, {
    method: "PATCH",
    headers: merge,
    body: { metadata: { finalizers: null } },
  });
  assert.equal(freed.status, 200, freed.text);
  await until(async () => (await api.call(`${DEFINITIONS}/${CRON_TABS}`)).status === 404);
  await ended;
  assert.deepEqual(seen.slice(0, 2).sort(), ["ADDED held", "ADDED nightly"]);
  assert.ok(seen.includes("DELETED nightly"), seen.join());
  assert.equal((await api.call(TABS)).status, 404);
});

test("a definition that changes ends watches, and what is stored gets its new defaults", async (t) => {
  const api = await startApi(t);
  await define(api);
  assert.equal((await api.call(TABS, { method: "POST", body: CRON_TAB })).status, 201);
  const read = async (path: string): Promise<Json> => (await api.call(path)).json()["spec"] as Json;
  assert.equal("timeZone" in (await read(`${TABS}/nightly`)), false);
  const response = await api.open(`${TABS}?watch=true`);
  const seen: string[] = [];
  const ended = (async () => {
    for await (const { type, object } of watchLines(response))
      seen.push(`${type} ${String(object.metadata["name"])}`);
  })();
  await until(async () => seen.length > 0);

  // What does not touch the specification ends nothing.
  const label = { metadata: { labels: { a: "b" } } };
  const path = `${DEFINITIONS}/${CRON_TABS}`;
  assert.equal((await api.call(path, { method: "PATCH", headers: merge, body: label })).status, 200);
  await api.call(TABS, {
    method: "POST",
    body: { ...CRON_TAB, metadata: { ...CRON_TAB.metadata, name: "hourly" } },
  });
  await until(async () => seen.length > 1);
  assert.deepEqual(seen, ["ADDED nightly", "ADDED hourly"]);

  const definition = structuredClone(DEFINITION) as unknown as {
    spec: { versions: { schema: { openAPIV3Schema: { properties: { spec: { properties: Json } } } } }[] };
  };
  for (const { schema } of definition.spec.versions)
    schema.openAPIV3Schema.properties.spec.properties["timeZone"] = { type: "string", default: "UTC" };
  const { versions } = definition.spec;
  const changed = await api.call(path, { method: "PATCH", headers: merge, body: { spec: { versions } } });
  assert.equal(changed.status, 200, changed.text);
  await ended;
  assert.equal((await read(`${TABS}/nightly`))["timeZone"], "UTC");
  const { items } = (await api.call(TABS)).json() as unknown as { items: { spec: Json }[] };
  assert.deepEqual(
    items.map(({ spec }) => spec["timeZone"]),
    ["UTC", "UTC"],
  );
});

test("a selector on a field that the definition does not offer is refused", async (t) => {
  const api = await startApi(t);
  await define(api);
  const reply = await api.call(`${TABS}?fieldSelector=spec.nothing%3D1`);
  assert.deepEqual([reply.status, reply.json()["message"]], [400, "field label not supported: spec.nothing"]);
});

test("definitions and their objects are there after a restart", async (t) => {
  const store = createMemoryStore();
  const scopes: (() => Promise<void>)[] = [];
  const scope = { after: (undo: () => Promise<void>) => void scopes.push(undo) };
  const shared = keepingOpen(store);
  const first = await startApi(scope, { store: shared });
  await define(first);
  assert.equal((await first.call(TABS, { method: "POST", body: CRON_TAB })).status, 201);
  for (const undo of scopes.splice(0)) await undo();
  const second = await startApi(t, { store });
  const found = await second.call(`${TABS}/nightly`);
  assert.equal(found.status, 200, found.text);
  assert.equal((found.json()["spec"] as Json)["image"], "busybox");
});

/** The same store, which its first user does not close. */
function keepingOpen<S extends AsyncDisposable>(store: S): S {
  return new Proxy(store, {
    get: (target, name) => {
      if (name === Symbol.asyncDispose) return async () => {};
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

test("a name that is taken is not accepted, and one that is nonsense is refused", async (t) => {
  const api = await startApi(t);
  await define(api);
  const twin = {
    ...DEFINITION,
    metadata: { name: "ticks.stable.example.com" },
    spec: { ...DEFINITION.spec, names: { plural: "ticks", kind: "CronTab" } },
  };
  assert.equal((await api.call(DEFINITIONS, { method: "POST", body: twin })).status, 201);
  const path = `${DEFINITIONS}/ticks.stable.example.com`;
  await until(async () => conditionOf(await api.call(path), "NamesAccepted") === "False");
  assert.equal(conditionOf(await api.call(path), "Established"), "False");
  // When the first one goes, the second gets its names.
  await api.call(`${DEFINITIONS}/${CRON_TABS}`, { method: "DELETE" });
  await until(async () => conditionOf(await api.call(path), "Established") === "True");

  const rows: [(spec: Json) => Json, string][] = [
    [(spec) => ({ ...spec, group: "example" }), "spec.group"],
    [
      (spec) => ({ ...spec, conversion: { strategy: "Webhook" } }),
      "spec.conversion.strategy: Forbidden: this server has no conversion webhooks; only None is supported",
    ],
    [
      (spec) => ({ ...spec, versions: [{ name: "v1", served: true, storage: true }] }),
      "spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required",
    ],
    [
      (spec) => ({
        ...spec,
        versions: [
          {
            name: "v1",
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: "object", properties: { a: {} } } },
          },
        ],
      }),
      "spec.versions[0].schema.openAPIV3Schema.properties[a].type: Required value: must not be empty for specified object fields",
    ],
  ];
  for (const [change, message] of rows) {
    const reply = await api.call(DEFINITIONS, {
      method: "POST",
      body: { ...DEFINITION, spec: change(DEFINITION.spec) },
    });
    assert.equal(reply.status, 422, reply.text);
    assert.ok(String(reply.json()["message"]).includes(message), reply.text);
  }
});

test("rules in CEL are kept with a warning that they are not evaluated", async (t) => {
  const api = await startApi(t);
  const [version] = structuredClone(DEFINITION.spec.versions) as unknown as [
    { schema: { openAPIV3Schema: Json } },
  ];
  version.schema.openAPIV3Schema["x-kubernetes-validations"] = [{ rule: "self.spec.replicas > 0" }];
  const body = { ...DEFINITION, spec: { ...DEFINITION.spec, versions: [version] } };
  const created = await api.call(DEFINITIONS, { method: "POST", body });
  assert.equal(created.status, 201, created.text);
  assert.match(String(created.headers["warning"]), /CEL rules.*not evaluated/);
});

async function inDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "fairlead-crd-"));
  t.after(async () => rm(directory, { recursive: true }));
  return directory;
}

const kubectls = findKubectls().filter(({ version }) => ["1.20", "1.27", "1.33"].includes(version));
if (kubectls.length === 0 && process.env["CI"] !== "true")
  test("kubectl", { skip: "there is no kubectl on this machine" }, () => {});
for (const version of kubectls)
  test(`kubectl ${version.version} applies, shows, explains, scales and deletes a defined kind`, async (t) => {
    const api = await startApi(t);
    const kubectl = kubectlFor(version, api.kubeconfig, await inDirectory(t));
    const applied = await kubectl.ok(["apply", "-f", "-"], { input: JSON.stringify(DEFINITION) });
    assert.equal(applied, `customresourcedefinition.apiextensions.k8s.io/${CRON_TABS} created\n`);
    await kubectl.ok(["wait", "--for", "condition=Established", `crd/${CRON_TABS}`, "--timeout=10s"]);
    const input = JSON.stringify(CRON_TAB);
    assert.equal(
      await kubectl.ok(["apply", "-f", "-"], { input }),
      "crontab.stable.example.com/nightly created\n",
    );
    const changed = JSON.stringify({ ...CRON_TAB, spec: { ...CRON_TAB.spec, replicas: 2 } });
    assert.match(await kubectl.ok(["apply", "-f", "-"], { input: changed }), /configured/);
    assert.match(await kubectl.ok(["get", "ct"]), /^NAME +SPEC +REPLICAS +AGE\nnightly +0 3 \* \* \* +2 /);
    assert.match(await kubectl.ok(["get", "clocks"]), /nightly/);
    assert.match(await kubectl.ok(["explain", "crontab.spec.cronSpec"]), /FIELD: +cronSpec/);
    assert.match(await kubectl.ok(["explain", "crontab.spec"]), /When and what/);
    await kubectl.ok(["scale", "crontab/nightly", "--replicas=3"]);
    assert.equal(await kubectl.ok(["get", "ct/nightly", "-o", "jsonpath={.spec.replicas}"]), "3");
    await kubectl.ok(["label", "ct", "nightly", "a=b"]);
    await kubectl.ok(["patch", "ct", "nightly", "--type=merge", "-p", '{"spec":{"mode":"Fast"}}']);
    const bad = JSON.stringify({ ...CRON_TAB, spec: { cronSpec: "never" } });
    const refused = await kubectl.run(["apply", "-f", "-"], { input: bad });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /spec.cronSpec in body should match/);
    await kubectl.ok(["delete", "crd", CRON_TABS]);
    assert.equal((await kubectl.run(["get", "ct"])).code, 1);
  });
