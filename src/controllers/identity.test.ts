import assert from "node:assert/strict";
import { test } from "node:test";
import { configMapKind } from "../api/configmap/kind.ts";
import { namespaceKind } from "../api/namespace/kind.ts";
import { secretKind } from "../api/secret/kind.ts";
import type { Secret } from "../api/secret/type.ts";
import { serviceAccountKind } from "../api/serviceaccount/kind.ts";
import { createMemoryApi, type MemoryApi } from "../client/memory-api.ts";
import { type Controllers, startControllers } from "./controllers.ts";

const CA = "-----BEGIN CERTIFICATE-----\n";
const base64 = (text: string): string => Buffer.from(text).toString("base64");

interface Scope extends AsyncDisposable {
  readonly api: MemoryApi;
  readonly controllers: Controllers;
  /** Resolves when the loops have followed everything that was written. */
  settled(): Promise<void>;
}

async function started(api: MemoryApi = createMemoryApi(), ca = CA): Promise<Scope> {
  const end = new AbortController();
  const controllers = startControllers({
    client: api,
    signal: end.signal,
    identity: {
      ca,
      issueLegacyToken: async (namespace, { name, uid }, secret) => `${namespace} ${name} ${uid} ${secret}`,
    },
  });
  await controllers.ready;
  return {
    api,
    controllers,
    async settled() {
      for (let i = 0; i < 3; i++) {
        for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
        await controllers.settled();
      }
    },
    async [Symbol.asyncDispose]() {
      end.abort();
      await controllers.done;
    },
  };
}

function accounts(api: MemoryApi): string[] {
  return api.all(serviceAccountKind).map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
}

/** "namespace: ca" of each published certificate. */
function certificates(api: MemoryApi): string[] {
  return api
    .all(configMapKind)
    .map(({ metadata, data }) => `${metadata.namespace}/${metadata.name}: ${JSON.stringify(data)}`);
}

const published = (namespace: string, ca = CA): string =>
  `${namespace}/kube-root-ca.crt: ${JSON.stringify({ "ca.crt": ca })}`;

test("each namespace has a ServiceAccount and the certificate, and gets them back", async () => {
  const api = createMemoryApi();
  api.put(namespaceKind, { metadata: { name: "default" } });
  await using scope = await started(api);
  await scope.settled();
  assert.deepEqual(accounts(api), ["default/default"]);
  assert.deepEqual(certificates(api), [published("default")]);

  api.put(namespaceKind, { metadata: { name: "shop" } });
  await scope.settled();
  assert.deepEqual(accounts(api), ["default/default", "shop/default"]);

  api.remove(serviceAccountKind, { namespace: "shop", name: "default" });
  api.remove(configMapKind, { namespace: "shop", name: "kube-root-ca.crt" });
  await scope.settled();
  assert.deepEqual(accounts(api), ["default/default", "shop/default"]);
  assert.deepEqual(certificates(api), [published("default"), published("shop")]);

  const [first] = api.all(configMapKind);
  api.put(configMapKind, { ...first!, data: { "ca.crt": "another", more: "" } });
  await scope.settled();
  assert.deepEqual(certificates(api), [published("default"), published("shop")]);

  const writes = api.writes.length;
  api.put(serviceAccountKind, { metadata: { namespace: "shop", name: "default", labels: { a: "b" } } });
  api.put(configMapKind, { ...api.all(configMapKind)[0]! });
  await scope.settled();
  assert.equal(api.writes.length, writes, "what is right is left alone");
});

test("a namespace that is going gets nothing", async () => {
  const api = createMemoryApi();
  api.put(namespaceKind, { metadata: { name: "old", deletionTimestamp: "2026-01-01T00:00:00Z" } });
  await using scope = await started(api);
  await scope.settled();
  assert.deepEqual(api.writes, []);
});

test("another authority's certificate replaces the old one at the next start", async () => {
  const api = createMemoryApi();
  api.put(namespaceKind, { metadata: { name: "default" } });
  {
    await using scope = await started(api);
    await scope.settled();
  }
  await using scope = await started(api, "new");
  await scope.settled();
  assert.deepEqual(certificates(api), [published("default", "new")]);
});

function tokenSecret(name: string, account: string): Secret {
  return {
    metadata: { namespace: "shop", name, annotations: { "kubernetes.io/service-account.name": account } },
    type: "kubernetes.io/service-account-token",
  };
}

test("a Secret for a token is filled once, mended when damaged, and goes with its ServiceAccount", async () => {
  const api = createMemoryApi();
  const web = api.put(serviceAccountKind, { metadata: { namespace: "shop", name: "web" } });
  await using scope = await started(api);
  api.put(secretKind, tokenSecret("key", "web"));
  api.put(secretKind, { metadata: { namespace: "shop", name: "other" }, type: "Opaque" });
  await scope.settled();
  const key = (): Secret | undefined => api.all(secretKind).find(({ metadata }) => metadata.name === "key");
  const uid = web.metadata.uid!;
  const token = base64(`shop web ${uid} key`);
  const filled = { "ca.crt": base64(CA), namespace: base64("shop"), token };
  assert.deepEqual(key()?.data, filled);
  assert.equal(key()?.metadata.annotations?.["kubernetes.io/service-account.uid"], uid);

  api.put(secretKind, { ...key()!, data: { ...filled, "ca.crt": "", token: base64("in use") } });
  await scope.settled();
  assert.deepEqual(key()?.data, { ...filled, token: base64("in use") }, "a token that is there stays");

  api.remove(serviceAccountKind, { namespace: "shop", name: "web" });
  await scope.settled();
  assert.deepEqual(
    api.all(secretKind).map(({ metadata }) => metadata.name),
    ["other"],
  );
});

test("a Secret of a ServiceAccount that is not there, or of an earlier one of its name, goes", async () => {
  const api = createMemoryApi();
  api.put(serviceAccountKind, { metadata: { namespace: "shop", name: "web" } });
  api.put(secretKind, tokenSecret("nobody's", "absent"));
  const old = tokenSecret("old", "web");
  old.metadata.annotations!["kubernetes.io/service-account.uid"] = "another";
  api.put(secretKind, old);
  await using scope = await started(api);
  await scope.settled();
  assert.deepEqual(api.all(secretKind), []);
});
