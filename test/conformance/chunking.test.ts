/** Upstream: test/e2e/apimachinery/chunking.go and table_conversion.go. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { V1PodTemplate } from "@kubernetes/client-node";
import { createMemoryStore } from "../../src/store/memory/memory-store.ts";
import { startApi } from "../api-fixture.ts";
import { NODE, startCluster } from "./cluster.ts";
import { ApiClient, isRefused, type List, type Resource } from "./resource.ts";

const TOTAL = 400;
const TABLE = "application/json;as=Table;v=v1beta1;g=meta.k8s.io";

const cluster = await startCluster();
const { api } = cluster;

function name(i: number): string {
  return `template-${String(i).padStart(4, "0")}`;
}

/** `atOnce` creations are under way at any time. */
async function createTemplates(
  templates: Resource<V1PodTemplate>,
  count: number,
  atOnce: number,
): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < count)
        await templates.create({
          metadata: { name: name(next++) },
          template: { spec: { containers: [{ name: "test", image: "test2" }] } },
        });
    }),
  );
}

/** The items go on from `found` on, and the count of what is left fits. Returns how many are found now. */
function expectPage({ metadata, items }: List<V1PodTemplate>, found: number): number {
  assert.deepEqual(
    items.map(({ metadata }) => metadata!.name),
    items.map((_, i) => name(found + i)),
  );
  const now = found + items.length;
  if ((metadata.continue ?? "") === "") assert.equal(metadata.remainingItemCount, undefined);
  else assert.equal(metadata.remainingItemCount! + now, TOTAL);
  return now;
}

test("[sig-api-machinery] Servers with support for API chunking should return chunks of results for list calls", async (t) => {
  const ns = await cluster.namespace(t, "chunking");
  const templates = api.core<V1PodTemplate>("podtemplates", ns);
  await createTemplates(templates, TOTAL, 20);
  for (let i = 0; i < 3; i++) {
    let found = 0;
    let version: string | undefined;
    for (let token: string | undefined = undefined; token !== "";) {
      const limit = 1 + Math.floor((Math.random() * TOTAL) / 10);
      const list: List<V1PodTemplate> = await templates.list({
        limit,
        ...(token !== undefined && { continue: token }),
      });
      assert.ok(list.items.length <= limit);
      version ??= list.metadata.resourceVersion;
      assert.equal(list.metadata.resourceVersion, version);
      found = expectPage(list, found);
      token = list.metadata.continue ?? "";
    }
    assert.equal(found, TOTAL);
  }
  assert.equal((await templates.list({ limit: TOTAL + 1 })).items.length, TOTAL);
});

/** Upstream waits up to ten minutes for the store to forget; here it is told to. */
test("[sig-api-machinery] Servers with support for API chunking should support continue listing from the last key if the original version has been compacted away, though the list is inconsistent [Slow]", async (t) => {
  const store = createMemoryStore();
  const server = await startApi(t, { store });
  const templates = new ApiClient(server).core<V1PodTemplate>("podtemplates", "default");
  await createTemplates(templates, TOTAL, 20);
  const limit = TOTAL / 10;
  const first = await templates.list({ limit });
  let found = expectPage(first, 0);
  const expired = { limit, continue: first.metadata.continue! };

  await createTemplates(new ApiClient(server).core<V1PodTemplate>("podtemplates", "kube-public"), 1, 1);
  await store.compact(store.revision);
  let token = "";
  await assert.rejects(templates.list(expired), (error) => {
    assert.ok(isRefused(error, 410), String(error));
    assert.equal(error.status.reason, "Expired");
    token = error.status.metadata!.continue!;
    assert.notEqual(token ?? "", "");
    return true;
  });

  const second = await templates.list({ limit, continue: token });
  assert.notEqual(second.metadata.resourceVersion, first.metadata.resourceVersion);
  assert.equal(second.items.length, limit);
  found = expectPage(second, found);
  for (token = second.metadata.continue ?? ""; token !== "";) {
    const list = await templates.list({ limit, continue: token });
    assert.ok(list.items.length <= limit);
    assert.equal(list.metadata.resourceVersion, second.metadata.resourceVersion);
    found = expectPage(list, found);
    token = list.metadata.continue ?? "";
  }
  assert.equal(found, TOTAL);
});

interface Table {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly columnDefinitions: readonly { readonly name: string }[];
  readonly rows: readonly { readonly cells: readonly unknown[] }[];
}

async function table(path: string): Promise<Table> {
  const answer = await api.json<Table>(path, { headers: { accept: TABLE } });
  assert.equal(answer.kind, "Table");
  assert.equal(answer.apiVersion, "meta.k8s.io/v1beta1");
  for (const { cells } of answer.rows) assert.equal(cells.length, answer.columnDefinitions.length);
  return answer;
}

test("[sig-api-machinery] Servers with support for Table transformation should return pod details", async (t) => {
  const ns = await cluster.namespace(t, "tables");
  await api.core("pods", ns).create({
    metadata: { name: "pod-1" },
    spec: {
      containers: [
        {
          name: "agnhost-container",
          image: "agnhost",
          args: ["porter"],
          ports: [{ containerPort: 8080 }],
          env: [{ name: "SERVE_PORT_8080", value: "foo" }],
        },
      ],
      restartPolicy: "Never",
    },
  });
  const { columnDefinitions, rows } = await table(`/api/v1/namespaces/${ns}/pods/pod-1`);
  assert.ok(columnDefinitions.length > 2);
  assert.equal(rows.length, 1);
  assert.equal(columnDefinitions[0]!.name, "Name");
  assert.equal(rows[0]!.cells[0], "pod-1");
});

test("[sig-api-machinery] Servers with support for Table transformation should return chunks of table results for list calls", async (t) => {
  const ns = await cluster.namespace(t, "tables");
  await createTemplates(api.core<V1PodTemplate>("podtemplates", ns), 20, 5);
  const path = `/api/v1/namespaces/${ns}/podtemplates`;
  const first = await table(`${path}?limit=2`);
  assert.deepEqual(
    first.rows.map(({ cells }) => cells[0]),
    [name(0), name(1)],
  );
  assert.notEqual(first.metadata.resourceVersion, "");
  assert.notEqual(first.metadata.continue ?? "", "");
  const rest = await table(`${path}?continue=${encodeURIComponent(first.metadata.continue!)}`);
  assert.equal(rest.rows[0]!.cells[0], name(2));
});

test("[sig-api-machinery] Servers with support for Table transformation should return generic metadata details across all namespaces for nodes", async () => {
  const { columnDefinitions, rows, metadata } = await table("/api/v1/nodes");
  assert.ok(columnDefinitions.length >= 2);
  assert.equal(columnDefinitions[0]!.name, "Name");
  assert.deepEqual(
    rows.map(({ cells }) => cells[0]),
    [NODE],
  );
  assert.notEqual(metadata.resourceVersion, "");
});

test("[sig-api-machinery] Servers with support for Table transformation should return a 406 for a backend which does not implement metadata [Conformance]", async () => {
  const review = api.json("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {
    method: "POST",
    headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" },
    body: {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      spec: { nonResourceAttributes: { path: "/", verb: "get" } },
    },
  });
  await assert.rejects(review, (error) => isRefused(error, 406));
});
