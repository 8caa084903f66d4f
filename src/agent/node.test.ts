/** This machine as a Node. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hostAddresses } from "../api/node/host-addresses.ts";
import { nodeKind } from "../api/node/kind.ts";
import { createMemoryApi } from "../client/memory-api.ts";
import { registerNode } from "./node.ts";

test("a node says what it has, and keeps what people wrote on it when it starts again", async () => {
  const client = createMemoryApi();
  const description = {
    name: "n1",
    addresses: { reached: ["192.0.2.1"], all: ["172.17.0.1", "192.0.2.1"] },
    podCidrs: ["10.244.0.0/24"],
    serviceRanges: ["10.96.0.0/16"],
    zone: undefined,
    containerRuntimeVersion: "none://",
    version: "1.2.3",
  };
  await registerNode(client, description);
  const node = await client.get(nodeKind, { name: "n1" });
  assert.equal(node.spec?.podCIDR, "10.244.0.0/24");
  // kubectl describe node divides what pods ask for by these.
  for (const resources of [node.status?.capacity, node.status?.allocatable]) {
    assert.match(resources?.["cpu"] ?? "", /^[1-9]\d*$/);
    assert.match(resources?.["memory"] ?? "", /^[1-9]\d*Ki$/);
  }

  const labels = { ...node.metadata.labels, zone: "a" };
  await client.update(nodeKind, { ...node, metadata: { ...node.metadata, labels } });
  await registerNode(client, {
    ...description,
    addresses: { reached: ["192.0.2.2"], all: ["192.0.2.2"] },
  });
  const again = await client.get(nodeKind, { name: "n1" });
  assert.equal(again.metadata.labels?.["zone"], "a");
  assert.equal(again.status?.addresses?.[0]?.address, "192.0.2.2");
  assert.deepEqual([hostAddresses(node), hostAddresses(again)], [["192.0.2.1", "172.17.0.1"], ["192.0.2.2"]]);
});
