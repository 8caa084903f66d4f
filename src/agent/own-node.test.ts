import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeKind } from "../api/node/kind.ts";
import type { Node } from "../api/node/type.ts";
import { forbidden } from "../api/status-errors.ts";
import { createMemoryApi } from "../client/memory-api.ts";
import { followOwnNode, type KnownNode, type OwnNodeOptions } from "./own-node.ts";

function node(name: string, podCIDRs: string[], zone?: string): Node {
  return {
    metadata: { name, ...(zone !== undefined && { labels: { "topology.kubernetes.io/zone": zone } }) },
    spec: { podCIDRs },
    status: {
      addresses: [
        { type: "InternalIP", address: "192.0.2.1" },
        { type: "Hostname", address: name },
      ],
    },
  };
}

function following(options: Partial<OwnNodeOptions>) {
  const end = new AbortController();
  const told: KnownNode[] = [];
  let next = Promise.withResolvers<KnownNode>();
  const own = followOwnNode({
    client: createMemoryApi(),
    nodeName: "n1",
    allNodes: true,
    zone: undefined,
    onChange(known) {
      told.push(known);
      next.resolve(known);
      next = Promise.withResolvers();
    },
    signal: end.signal,
    ...options,
  });
  return {
    own,
    told,
    next: () => next.promise,
    async [Symbol.asyncDispose]() {
      end.abort();
      await own.done;
    },
  };
}

test("zone, addresses and all pods' ranges are known before anything is programmed, and followed", async () => {
  const api = createMemoryApi();
  api.put(nodeKind, node("n1", ["10.244.1.0/24"], "a"));
  api.put(nodeKind, node("n2", ["10.244.0.0/24", "fd00::/64"], "b"));
  await using scope = following({ client: api });
  await scope.own.known;
  const view = { name: "n1", addresses: ["192.0.2.1"], zone: "a" };
  assert.deepEqual(
    scope.told.map((known) => [known.view, known.podCidrs]),
    [[view, ["10.244.0.0/24", "10.244.1.0/24", "fd00::/64"]]],
  );
  // A heartbeat is no news; another zone is.
  api.put(nodeKind, { ...node("n1", ["10.244.1.0/24"], "a"), metadata: { ...node("n1", [], "a").metadata } });
  const moved = scope.next();
  api.put(nodeKind, node("n1", ["10.244.1.0/24"], "c"));
  assert.equal((await moved).view.zone, "c");
  assert.equal(scope.told.length, 2);
  const gone = scope.next();
  api.remove(nodeKind, { name: "n1" });
  assert.deepEqual([(await gone).node, (await gone).podCidrs], [undefined, ["10.244.0.0/24", "fd00::/64"]]);
});

test("a zone that is given counts, whatever the Node says", async () => {
  const api = createMemoryApi();
  api.put(nodeKind, node("n1", [], "a"));
  await using scope = following({ client: api, zone: "given" });
  await scope.own.known;
  assert.equal(scope.told[0]?.view.zone, "given");
});

test("a server that refuses to tell keeps nobody waiting", async () => {
  const api = createMemoryApi();
  const refusing = {
    ...api,
    list: () => Promise.reject(forbidden(nodeKind, "", "not allowed")),
  };
  await using scope = following({ client: refusing });
  await scope.own.known;
  assert.deepEqual(scope.told, []);
});
