import assert from "node:assert/strict";
import { test } from "node:test";
import { eventKind } from "../api/event/kind.ts";
import { nodeKind } from "../api/node/kind.ts";
import { serviceCIDRKind } from "../api/servicecidr/kind.ts";
import type { ServiceCIDR } from "../api/servicecidr/type.ts";
import { silentLog } from "../base/log.ts";
import { createMemoryApi } from "../client/memory-api.ts";
import { SERVICE_RANGES_ANNOTATION } from "./node.ts";
import { followServiceRanges, outermost } from "./service-ranges.ts";

const range = (name: string, ...cidrs: string[]): ServiceCIDR => ({ metadata: { name }, spec: { cidrs } });

test("of ranges within each other the outer ones count", () => {
  assert.deepEqual(
    outermost(["10.96.1.0/24", "10.96.0.0/16", "fd00::/64", "10.96.0.0/16", "10.97.0.0/16", "nonsense"]),
    ["10.96.0.0/16", "10.97.0.0/16", "fd00::/64"],
  );
});

test("a range that overlaps the node's pods is left out, and said to whoever looks at it", async () => {
  const api = createMemoryApi();
  api.put(nodeKind, { metadata: { name: "n1" } });
  const end = new AbortController();
  const changed = Promise.withResolvers<readonly string[]>();
  const warnings: string[] = [];
  const { done } = followServiceRanges({
    client: api,
    nodeName: "n1",
    initial: ["10.96.0.0/16"],
    annotate: true,
    podRanges: ["10.244.0.0/24", "fd00:244::/64"],
    onChange: (ranges) => changed.resolve(ranges),
    log: { ...silentLog, warn: (_fields, message) => void warnings.push(message) },
    signal: end.signal,
  });
  // It holds the range from the start too, which stays.
  api.put(serviceCIDRKind, range("wide", "10.0.0.0/8", "fd00:96::/112"));
  assert.deepEqual(await changed.promise, ["10.96.0.0/16", "fd00:96::/112"]);
  api.put(serviceCIDRKind, range("wide", "10.0.0.0/8", "fd00:96::/112"));
  end.abort();
  await done;
  const message =
    "10.0.0.0/8 overlaps 10.244.0.0/24, where pods of node n1 have their addresses: what is not served in it is not refused there";
  assert.deepEqual(warnings, [message]);
  assert.deepEqual(
    api.all(eventKind).map((event) => [event.involvedObject.name, event.reason, event.message]),
    [["wide", "OverlapsPods", message]],
  );
});

test("ranges that come and go are told, and the Node says them", async () => {
  const api = createMemoryApi();
  api.put(nodeKind, { metadata: { name: "n1" } });
  api.put(serviceCIDRKind, range("kubernetes", "10.96.0.0/16"));
  const end = new AbortController();
  let changed = Promise.withResolvers<readonly string[]>();
  const next = async (): Promise<readonly string[]> => {
    const ranges = await changed.promise;
    changed = Promise.withResolvers();
    return ranges;
  };
  const { done } = followServiceRanges({
    client: api,
    nodeName: "n1",
    initial: ["10.96.0.0/16"],
    annotate: true,
    onChange: (ranges) => changed.resolve(ranges),
    signal: end.signal,
  });
  api.put(serviceCIDRKind, range("more", "10.97.0.0/24", "fd00::/112"));
  assert.deepEqual(await next(), ["10.96.0.0/16", "10.97.0.0/24", "fd00::/112"]);
  // A range within another one changes nothing.
  api.put(serviceCIDRKind, range("inner", "10.96.7.0/24"));
  api.remove(serviceCIDRKind, { name: "more" });
  assert.deepEqual(await next(), ["10.96.0.0/16"]);
  // The server's own range counts even while its ServiceCIDR is not there.
  api.remove(serviceCIDRKind, { name: "kubernetes" });
  api.put(serviceCIDRKind, range("other", "10.98.0.0/24"));
  assert.deepEqual(await next(), ["10.96.0.0/16", "10.98.0.0/24"]);
  end.abort();
  await done;
  const { metadata } = await api.get(nodeKind, { name: "n1" });
  assert.equal(metadata.annotations?.[SERVICE_RANGES_ANNOTATION], "10.96.0.0/16,10.98.0.0/24");
});
