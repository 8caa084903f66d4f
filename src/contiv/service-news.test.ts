import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { EndpointSlice } from "../api/endpointslice/type.ts";
import type { KubeObject } from "../api/meta/type.ts";
import type { Pod } from "../api/pod/type.ts";
import type { Service } from "../api/service/type.ts";
import { ObjectCache } from "../client/cache.ts";
import type { InformerHandler } from "../client/informer.ts";
import { keyOf } from "../client/object-key.ts";
import { inspectAll } from "./by-kind.ts";
import { Picture } from "./picture.ts";
import { podIndex, serviceIndex, ServiceNews, sliceIndex } from "./service-news.ts";

/** A cache that hands what it is given on, as an informer does. */
class Told<T extends KubeObject, I extends string> extends ObjectCache<T, I> {
  handler: InformerHandler<T> = {};

  put(object: T): void {
    const old = this.getByKey(keyOf(object));
    this.set(object);
    if (old === undefined) this.handler.onAdd?.(object);
    else this.handler.onUpdate?.(object, old);
  }

  take(object: T): void {
    const old = this.getByKey(keyOf(object));
    if (old === undefined) return;
    this.delete(keyOf(object));
    this.handler.onDelete?.(old);
  }
}

const namespace: fc.Arbitrary<string> = fc.constantFrom("default", "default", "default", "shop");
const name: fc.Arbitrary<string> = fc.constantFrom("a", "b", "c");
const labels = fc.dictionary(fc.constantFrom("app", "tier"), fc.constantFrom("x", "x", "y"), { maxKeys: 2 });
const service = fc.record({
  kind: fc.constant("service" as const),
  metadata: fc.record({ namespace, name }),
  selector: labels,
  port: fc.constantFrom(80, 81),
});
const pod = fc.record({
  kind: fc.constant("pod" as const),
  metadata: fc.record({ namespace, name, labels }),
});
const slice = fc.record({
  kind: fc.constant("slice" as const),
  metadata: fc.record({ namespace, name }),
  service: name,
  targets: fc.uniqueArray(name),
});
const change = fc.record({ isGone: fc.boolean(), of: fc.oneof(service, pod, slice) });
type Change = (typeof change extends fc.Arbitrary<infer T> ? T : never)["of"];

const serviceOf = ({ metadata, selector, port }: Extract<Change, { kind: "service" }>): Service => ({
  metadata,
  spec: { clusterIP: "10.96.0.9", selector, ports: [{ port }] },
});
const podOf = ({ metadata }: Extract<Change, { kind: "pod" }>): Pod => ({
  metadata,
  status: { phase: "Running", podIP: "10.1.1.1", podIPs: [{ ip: "10.1.1.1" }] },
});
const sliceOf = (one: Extract<Change, { kind: "slice" }>): EndpointSlice => ({
  metadata: { ...one.metadata, labels: { "kubernetes.io/service-name": one.service } },
  addressType: "IPv4",
  endpoints: one.targets.map((target) => ({
    addresses: ["10.1.1.1"],
    targetRef: { kind: "Pod", name: target },
  })),
  ports: [{ port: 8080 }],
});

function inOrder<T>(objects: ReadonlyMap<string, T>): T[] {
  return [...objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
}

test("what is told of changes is what inspecting everything finds", () => {
  fc.assert(
    fc.property(fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 20 }), (turns) => {
      const parts = {
        services: new Told<Service, "selector">(serviceIndex),
        pods: new Told<Pod, "label">(podIndex),
        slices: new Told<EndpointSlice, "service">(sliceIndex),
      };
      const named = { namespaces: [], networks: [] };
      const news = new ServiceNews(parts);
      parts.services.handler = news.onService;
      parts.pods.handler = news.onPod;
      parts.slices.handler = news.onSlice;
      const told = new Map<string, string>();
      // Or hardly ever would two Services have a provider in common.
      for (const service of ["a", "b", "c"])
        parts.slices.put(
          sliceOf({
            kind: "slice",
            metadata: { namespace: "default", name: `of-${service}` },
            service,
            targets: ["a", "b", "c"],
          }),
        );
      for (const turn of turns) {
        for (const { isGone, of } of turn) {
          const act = isGone ? "take" : "put";
          if (of.kind === "service") parts.services[act](serviceOf(of));
          else if (of.kind === "pod") parts.pods[act](podOf(of));
          else parts.slices[act](sliceOf(of));
        }
        for (const { type, object } of news.take(named)) {
          const { key } = (JSON.parse(object) as { Config: { key: string } }).Config;
          assert.equal(told.has(key), type !== "ADDED");
          if (type === "DELETED") told.delete(key);
          else told.set(key, object);
        }
        const picture = new Picture({
          ...named,
          services: inOrder(parts.services.list()),
          pods: inOrder(parts.pods.list()),
          slices: inOrder(parts.slices.list()),
        });
        const whole = inspectAll("serviceLBs", picture, undefined);
        assert.deepEqual([...told.values()].sort(), whole.map((one) => JSON.stringify(one)).sort());
      }
    }),
    { numRuns: 300 },
  );
});
