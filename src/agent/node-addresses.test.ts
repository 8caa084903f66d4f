import assert from "node:assert/strict";
import { test } from "node:test";
import { HOST_ADDRESSES_ANNOTATION } from "../api/node/host-addresses.ts";
import { nodeKind } from "../api/node/kind.ts";
import { createMemoryApi } from "../client/memory-api.ts";
import { keepNodeAddresses, nodeAddressList } from "./node-addresses.ts";

test("a Node's addresses follow the machine's, and are written when they change only", async () => {
  const api = createMemoryApi();
  api.put(nodeKind, { metadata: { name: "a" }, status: { addresses: nodeAddressList([], "a") } });
  const end = new AbortController();
  /** What the machine has at each look; the second change meets a server that fails once. */
  const looks = [
    [],
    [],
    ["192.0.2.1"],
    ["192.0.2.1"],
    ["192.0.2.7", "2001:db8::7"],
    ["192.0.2.7", "2001:db8::7"],
    [],
  ];
  const seen: string[] = [];
  let at = 0;
  await keepNodeAddresses({
    client: api,
    nodeName: "a",
    registered: { reached: [], all: [] },
    read: () => ({ reached: looks[at]!, all: looks[at]! }),
    signal: end.signal,
    wait: async (milliseconds) => {
      assert.equal(milliseconds, 10_000);
      seen.push((api.all(nodeKind)[0]?.status?.addresses ?? []).map(({ address }) => address).join(" "));
      at++;
      if (at === 4) api.fail(1);
      if (at === looks.length) end.abort();
    },
  });
  assert.deepEqual(seen, [
    "127.0.0.1 a",
    "127.0.0.1 a",
    "192.0.2.1 a",
    "192.0.2.1 a",
    "192.0.2.1 a",
    "192.0.2.7 2001:db8::7 a",
    "127.0.0.1 a",
  ]);
  // One of them failed.
  assert.equal(api.writes.length, 4);
});

test("a Node says which other addresses its machine has, as they come and go", async () => {
  const api = createMemoryApi();
  api.put(nodeKind, { metadata: { name: "a", annotations: { other: "kept" } } });
  const end = new AbortController();
  const looks = [
    { reached: ["192.0.2.1"], all: ["192.0.2.1"] },
    { reached: ["192.0.2.1"], all: ["192.0.2.1"] },
    { reached: ["192.0.2.1"], all: ["fd00::1", "192.0.2.1", "172.17.0.1"] },
    { reached: ["192.0.2.1"], all: ["192.0.2.1", "172.17.0.1", "fd00::1"] },
    { reached: ["192.0.2.1"], all: ["192.0.2.1"] },
    { reached: ["192.0.2.1"], all: ["192.0.2.1"] },
  ];
  let at = 0;
  const seen: unknown[] = [];
  await keepNodeAddresses({
    client: api,
    nodeName: "a",
    registered: looks[0]!,
    read: async () => looks[at]!,
    signal: end.signal,
    wait: async () => {
      seen.push(api.all(nodeKind)[0]?.metadata.annotations?.[HOST_ADDRESSES_ANNOTATION]);
      if (++at === looks.length) end.abort();
    },
  });
  const others = "172.17.0.1,fd00::1";
  assert.deepEqual(seen, [undefined, undefined, others, others, "", ""].slice(0, seen.length));
  assert.equal(api.all(nodeKind)[0]?.metadata.annotations?.["other"], "kept");
  assert.equal(api.writes.length, 2);
});
