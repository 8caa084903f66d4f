/** Server-side apply over HTTP: media types, options, YAML and JSON bodies, strictness, and whose name is taken. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type ApiFixture, type Reply, startApi } from "./api-fixture.ts";

const stack = new AsyncDisposableStack();
let api: ApiFixture;
before(async () => {
  api = await startApi({ after: (undo) => stack.defer(undo) });
});
after(async () => stack.disposeAsync());

const WEB = "/api/v1/namespaces/default/services/web";
const YAML = "application/apply-patch+yaml";

async function patch(
  query: string,
  body: string,
  type = YAML,
  more: Record<string, string> = {},
): Promise<Reply> {
  return api.call(`${WEB}?${query}`, { method: "PATCH", body, headers: { "content-type": type, ...more } });
}

function said(reply: Reply): string {
  return `${reply.status} ${String(reply.json()["message"])}`;
}

const CONFIG = "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  ports:\n  - port: 80\n";

test("apply asks for a field manager, and only apply may be forced", async () => {
  assert.equal(
    said(await patch("", CONFIG)),
    '422 PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
  );
  assert.equal(
    said(await patch("force=true", "{}", "application/merge-patch+json")),
    '422 PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
  );
  assert.match(said(await patch(`fieldManager=${"x".repeat(129)}`, CONFIG)), /^422 .*fieldManager: Too long/);
  assert.match(said(await patch("fieldManager=a%07b", CONFIG)), /^422 .*fieldManager: Invalid value/);
  assert.match(said(await patch("fieldManager=a", CONFIG, "application/apply-patch+cbor")), /^415 /);
});

test("YAML and JSON are applied; what is neither is refused", async () => {
  const made = await patch("fieldManager=a", CONFIG);
  assert.equal(made.status, 201, made.text);
  const json = JSON.stringify({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", labels: { from: "json" } },
    spec: { ports: [{ port: 80 }] },
  });
  assert.equal((await patch("fieldManager=a", json)).status, 200);
  for (const bad of ["", "- a\n", "a: [", "just text", "{}", '{"kind": 1}'])
    assert.match(said(await patch("fieldManager=a", bad)), /^400 /, bad);
});

test("keys that occur twice are refused or warned of, as asked", async () => {
  const twice = `${CONFIG}  type: ClusterIP\n  type: ClusterIP\n`;
  assert.match(
    said(await patch("fieldManager=a&fieldValidation=Strict", twice)),
    /^400 error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n {2}line 9: key "type" already set in map$/,
  );
  const warned = await patch("fieldManager=a&fieldValidation=Warn", twice);
  assert.equal(warned.status, 200);
  assert.match(String(warned.headers["warning"]), /299 - "line 9: key \\"type\\" already set in map"/);
  const ignored = await patch("fieldManager=a&fieldValidation=Ignore", twice);
  assert.equal(ignored.headers["warning"], undefined);
});

test("conflicts are a 409 with a cause for each field", async () => {
  await patch("fieldManager=a", CONFIG);
  const reply = await patch("fieldManager=b", `${CONFIG}    targetPort: 8080\n  selector: {a: b}\n`);
  assert.equal(reply.status, 200, reply.text);
  const clash = await patch("fieldManager=a", `${CONFIG}    targetPort: 9090\n`);
  assert.equal(
    said(clash),
    '409 Apply failed with 1 conflict: conflict with "b": .spec.ports[port=80,protocol="TCP"].targetPort',
  );
  assert.deepEqual(clash.json()["details"], {
    causes: [
      {
        reason: "FieldManagerConflict",
        message: 'conflict with "b"',
        field: '.spec.ports[port=80,protocol="TCP"].targetPort',
      },
    ],
  });
});

test("who does not say its name is called by its user agent", async () => {
  const merge = await patch("", '{"metadata":{"labels":{"ua":"1"}}}', "application/merge-patch+json", {
    "user-agent": "my tool/1.2 (linux)",
  });
  const { managedFields } = merge.json()["metadata"] as { managedFields: { manager: string }[] };
  assert.ok(managedFields.some(({ manager }) => manager === "my tool"));
});
