import assert from "node:assert/strict";
import { test } from "node:test";
import { podKind } from "../api/pod/kind.ts";
import type { Pod } from "../api/pod/type.ts";
import { silentLog } from "../base/log.ts";
import { createMemoryApi } from "../client/memory-api.ts";
import { followGoneClients } from "./gone-clients.ts";

function pod(
  name: string,
  address: string,
  rest: { phase?: "Running" | "Succeeded"; hostNetwork?: boolean; node?: string } = {},
): Pod {
  const { phase = "Running", hostNetwork = false, node = "n1" } = rest;
  return {
    metadata: { namespace: "default", name },
    spec: { nodeName: node, containers: [], ...(hostNetwork && { hostNetwork }) },
    status: { phase, podIP: address, podIPs: [{ ip: address }] },
  };
}

test("addresses of Pods that end, or get others, are told; not those that another Pod has, or the host", async () => {
  const api = createMemoryApi();
  const remove = (name: string): void => api.remove(podKind, { namespace: "default", name });
  const end = new AbortController();
  const told: string[] = [];
  let next = Promise.withResolvers<void>();
  api.put(podKind, pod("a", "10.1.0.1"));
  api.put(podKind, pod("b", "10.1.0.2"));
  api.put(podKind, pod("c", "10.1.0.3"));
  api.put(podKind, pod("host", "192.0.2.1", { hostNetwork: true }));
  const following = followGoneClients({
    client: api,
    nodeName: "n1",
    onGone(addresses) {
      told.push(...addresses);
      next.resolve();
      next = Promise.withResolvers();
    },
    log: silentLog,
    signal: end.signal,
  });
  await following.synced;
  const steps: [change: () => void, expected: string][] = [
    [() => api.put(podKind, pod("a", "10.1.0.1", { phase: "Succeeded" })), "10.1.0.1"],
    [() => api.put(podKind, pod("b", "10.1.0.9")), "10.1.0.2"],
    [() => remove("c"), "10.1.0.3"],
  ];
  remove("host");
  for (const [change, expected] of steps) {
    const heard = next.promise;
    change();
    await heard;
    assert.equal(told.at(-1), expected);
  }
  // What ended once is not told again, and an address that two have had is told with the second.
  api.put(podKind, pod("d", "10.1.0.9"));
  remove("a");
  remove("b");
  const heard = next.promise;
  remove("d");
  await heard;
  assert.deepEqual(told, ["10.1.0.1", "10.1.0.2", "10.1.0.3", "10.1.0.9"]);
  end.abort();
  await following.done;
});
