import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Endpoint, EndpointPort, EndpointSlice } from "../../api/endpointslice/type.ts";
import type { Service } from "../../api/service/type.ts";
import type { EndpointGroup } from "./desired.ts";
import { packSlices, type SliceWrites } from "./packing.ts";
import { endpointIdentity, ENDPOINTSLICE_CONTROLLER, serviceOwner } from "./slice.ts";

const HTTP: EndpointPort[] = [{ name: "", protocol: "TCP", port: 80 }];
const ALT: EndpointPort[] = [{ name: "", protocol: "TCP", port: 81 }];

const web: Service = {
  metadata: { namespace: "default", name: "web", uid: "u1", labels: { app: "web" } },
  spec: { clusterIP: "10.96.0.10" },
};

function endpoint(n: number, ready = true): Endpoint {
  return {
    addresses: [`10.0.${n >> 8}.${n & 255}`],
    conditions: { ready, serving: ready, terminating: false },
    targetRef: { kind: "Pod", namespace: "default", name: `p${n}` },
  };
}

function group(numbers: Iterable<number>, ports = HTTP): EndpointGroup {
  return { addressType: "IPv4", ports, endpoints: Array.from(numbers, (n) => endpoint(n)) };
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

function pack(
  groups: EndpointGroup[],
  existing: Iterable<EndpointSlice>,
  options = {},
  service = web,
): SliceWrites {
  return packSlices(serviceOwner(service, new Map()), { addressTypes: ["IPv4"], groups }, existing, options);
}

/** A server for slices: gives names to what is created. */
class Slices {
  readonly all = new Map<string, EndpointSlice>();
  #names = 0;

  write({ create, update, delete: remove }: SliceWrites): number {
    for (const slice of create) {
      const name = `web-${String(++this.#names).padStart(4, "0")}`;
      this.all.set(name, { ...slice, metadata: { ...slice.metadata, name, resourceVersion: "1" } });
    }
    for (const slice of update) {
      assert.ok(this.all.has(slice.metadata.name!), "an update of what is not there");
      assert.equal(
        this.all.get(slice.metadata.name!)!.addressType,
        slice.addressType,
        "addressType is immutable",
      );
      this.all.set(slice.metadata.name!, slice);
    }
    for (const { metadata } of remove) assert.ok(this.all.delete(metadata.name!), "deleted twice");
    return create.length + update.length + remove.length;
  }

  to(groups: EndpointGroup[], maxEndpoints = 100): number {
    return this.write(pack(groups, this.all.values(), { maxEndpoints }));
  }

  sizes(): number[] {
    return Array.from(this.all.values(), ({ endpoints }) => endpoints.length);
  }
}

test("slices hold at most 100 endpoints, and carry what consumers find them by", () => {
  const slices = new Slices();
  slices.write(pack([group(range(0, 250))], [], { triggerTime: "2026-01-01T00:00:00Z" }));
  assert.deepEqual(slices.sizes(), [100, 100, 50]);
  const { metadata, endpoints, ports, ...rest } = slices.all.get("web-0001")!;
  assert.deepEqual(rest, { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", addressType: "IPv4" });
  assert.deepEqual(ports, HTTP);
  assert.deepEqual(endpoints[0], endpoint(0));
  assert.deepEqual(metadata, {
    name: "web-0001",
    generateName: "web-",
    namespace: "default",
    resourceVersion: "1",
    labels: {
      app: "web",
      "kubernetes.io/service-name": "web",
      "endpointslice.kubernetes.io/managed-by": ENDPOINTSLICE_CONTROLLER,
    },
    annotations: { "endpoints.kubernetes.io/last-change-trigger-time": "2026-01-01T00:00:00Z" },
    ownerReferences: [
      {
        apiVersion: "v1",
        kind: "Service",
        name: "web",
        uid: "u1",
        controller: true,
        blockOwnerDeletion: true,
      },
    ],
  });
});

test("a change writes the slices it touches and no other", () => {
  const table: [what: string, before: number[], after: number[], writes: number, sizes: number[]][] = [
    ["nothing", range(0, 250), range(0, 250), 0, [100, 100, 50]],
    ["one more goes to the slice it fits best", range(0, 250), range(0, 251), 1, [100, 100, 51]],
    ["one less", range(0, 250), range(1, 250), 1, [99, 100, 50]],
    ["one for another: where one left, one comes", range(0, 250), range(1, 251), 1, [100, 100, 50]],
    [
      "two slices lose, the fuller is filled first",
      range(0, 200),
      [...range(1, 100), ...range(102, 203)],
      2,
      [100, 100],
    ],
    ["too many for what is there: a new slice", range(0, 90), range(0, 110), 1, [90, 20]],
    ["a slice that lost all is deleted", range(0, 150), range(0, 100), 1, [100]],
    ["all replaced: the old slices become the new", range(0, 150), range(200, 350), 2, [100, 50]],
    ["down to none: one placeholder", range(0, 150), [], 2, [0]],
    ["up from none: the placeholder becomes the slice", [], range(0, 5), 1, [5]],
    ["none before and after", [], [], 0, [0]],
  ];
  for (const [what, before, after, writes, sizes] of table) {
    const slices = new Slices();
    slices.to([group(before)]);
    assert.equal(slices.to([group(after)]), writes, what);
    assert.deepEqual(slices.sizes(), sizes, what);
  }
});

test("of slices that are written anyway the fullest is filled first, of others the one that fits best", () => {
  const sized = (): Slices => {
    const slices = new Slices();
    slices.to([group(range(0, 180))]);
    slices.to([group([...range(0, 50), ...range(100, 180)])]);
    assert.deepEqual(slices.sizes(), [50, 80]);
    return slices;
  };
  const both = sized();
  both.to([group([...range(1, 50), ...range(101, 180), ...range(200, 205)])]);
  assert.deepEqual(both.sizes(), [49, 84]);
  const neither = sized();
  neither.to([group([...range(0, 50), ...range(100, 180), ...range(200, 210)])]);
  assert.deepEqual(neither.sizes(), [50, 90]);
  const onlyOneFits = sized();
  onlyOneFits.to([group([...range(0, 50), ...range(100, 180), ...range(200, 230)])]);
  assert.deepEqual(onlyOneFits.sizes(), [80, 80]);
});

test("a condition that changed is written in place", () => {
  const slices = new Slices();
  slices.to([group(range(0, 3))]);
  const unready = { ...group([0, 1, 2]), endpoints: [endpoint(0), endpoint(1, false), endpoint(2)] };
  assert.equal(slices.to([unready]), 1);
  assert.deepEqual(slices.all.get("web-0001")!.endpoints, unready.endpoints);
});

test("ports that differ from pod to pod make slices of their own; changed ports reuse the slices", () => {
  const slices = new Slices();
  slices.to([group([1, 2]), group([3], ALT)]);
  assert.deepEqual(slices.sizes(), [2, 1]);
  assert.equal(slices.to([group([1, 2, 3], ALT)]), 2);
  assert.deepEqual(slices.sizes(), [3]);
  const other = new Slices();
  other.to([group([1, 2])]);
  assert.equal(other.to([group([1, 2], ALT)]), 1);
  assert.deepEqual(Array.from(other.all.keys()), ["web-0001"]);
});

test("labels follow the service; an older service's slices are taken over; a foreign annotation stays", () => {
  const slices = new Slices();
  slices.to([group([1])]);
  const before = slices.all.get("web-0001")!;
  const annotated = { ...before, metadata: { ...before.metadata, annotations: { note: "mine" } } };
  const relabelled = { ...web, metadata: { ...web.metadata, labels: { tier: "front" } } };
  const [renamed] = pack([group([1])], [annotated], {}, relabelled).update;
  assert.deepEqual(renamed?.metadata.labels, {
    tier: "front",
    "kubernetes.io/service-name": "web",
    "endpointslice.kubernetes.io/managed-by": ENDPOINTSLICE_CONTROLLER,
  });
  assert.deepEqual(renamed.metadata.annotations, { note: "mine" });
  const again = { ...web, metadata: { ...web.metadata, uid: "u2" } };
  const { create, update, delete: removed } = pack([group([1])], [before], {}, again);
  assert.deepEqual([create.length, removed.length], [0, 0]);
  assert.equal(update[0]?.metadata.ownerReferences?.[0]?.uid, "u2");
});

test("headless services' slices say so", () => {
  for (const clusterIP of ["None", ""]) {
    const { create } = pack([group([1])], [], {}, { ...web, spec: { clusterIP } });
    assert.equal(create[0]?.metadata.labels?.["service.kubernetes.io/headless"], "");
  }
});

test("a family that is no longer wanted goes, one that is deleted already is left alone", () => {
  const { create } = packSlices(
    serviceOwner(web, new Map()),
    { addressTypes: ["IPv4", "IPv6"], groups: [group([1])] },
    [],
  );
  assert.deepEqual(
    create.map(({ addressType, endpoints }) => [addressType, endpoints.length]),
    [
      ["IPv4", 1],
      ["IPv6", 0],
    ],
  );
  const named = create.map((slice, i) => ({ ...slice, metadata: { ...slice.metadata, name: `s${i}` } }));
  const dropped = pack([group([1])], named);
  assert.deepEqual(
    [dropped.create.length, dropped.update.length, dropped.delete[0]?.metadata.name],
    [0, 0, "s1"],
  );
  const going = named.map((slice) => ({
    ...slice,
    metadata: { ...slice.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" },
  }));
  assert.equal(pack([group([1])], going).create.length, 1);
});

test("each slice says the weights of its own endpoints, and a change of a weight writes that slice alone", () => {
  const slices = new Slices();
  const write = (weights: Record<string, number>, numbers = range(1, 5)) => {
    const owner = serviceOwner(web, new Map(Object.entries(weights)));
    const desired = { addressTypes: ["IPv4" as const], groups: [group(numbers)] };
    const writes = packSlices(owner, desired, slices.all.values(), { maxEndpoints: 2, triggerTime: "now" });
    return slices.write(writes);
  };
  const said = () =>
    Array.from(slices.all.values(), ({ metadata }) => metadata.annotations?.["fairlead.dev/weights"]);
  assert.equal(write({}), 2);
  assert.deepEqual(said(), [undefined, undefined]);
  assert.equal(write({ "10.0.0.3": 7, "10.0.0.9": 1 }), 1);
  assert.deepEqual(said(), [undefined, '{"10.0.0.3":7}']);
  assert.equal(write({ "10.0.0.3": 7 }), 0);
  assert.equal(write({ "10.0.0.3": 7, "10.0.0.1": 0, "10.0.0.2": 2 }), 1);
  assert.deepEqual(said(), ['{"10.0.0.1":0,"10.0.0.2":2}', '{"10.0.0.3":7}']);
  assert.equal(write({}, [1, 2, 4]), 2);
  assert.deepEqual(said(), [undefined, undefined]);
  for (const { metadata } of slices.all.values())
    assert.equal(metadata.annotations?.["endpoints.kubernetes.io/last-change-trigger-time"], "now");
});

test("whatever the history: no endpoint lost, none twice, no slice over the limit, nothing written without need", () => {
  const numbers = fc.uniqueArray(fc.nat(60), { maxLength: 40 });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(numbers, numbers), { maxLength: 8 }),
      fc.integer({ min: 1, max: 9 }),
      (history, max) => {
        const slices = new Slices();
        for (const [first, second] of history) {
          const groups = [group(first), group(second, ALT)].filter(({ endpoints }) => endpoints.length > 0);
          const before = new Map(slices.all);
          const writes = slices.to(groups, max);
          const held = new Map<string, string[]>([
            [key(HTTP), []],
            [key(ALT), []],
            [key([]), []],
          ]);
          for (const slice of slices.all.values()) {
            assert.ok(slice.endpoints.length <= max);
            held.get(key(slice.ports ?? []))!.push(...slice.endpoints.map(endpointIdentity));
          }
          for (const [ports, wanted] of [
            [HTTP, first],
            [ALT, second],
          ] as const)
            assert.deepEqual(
              held.get(key(ports))!.sort(),
              wanted.map((n) => endpointIdentity(endpoint(n))).sort(),
            );
          const placeholders = Array.from(slices.all.values()).filter(
            ({ endpoints }) => endpoints.length === 0,
          );
          assert.equal(placeholders.length, groups.length === 0 ? 1 : 0);
          assert.equal(slices.to(groups, max), 0, "the second time nothing is left to write");
          const touched = Array.from(slices.all).filter(([name, slice]) => before.get(name) !== slice).length;
          const gone = Array.from(before.keys()).filter((name) => !slices.all.has(name)).length;
          assert.equal(writes, touched + gone);
        }
      },
    ),
    { numRuns: 300 },
  );
});

function key(ports: readonly EndpointPort[]): string {
  return ports.map(({ port }) => port).join();
}
