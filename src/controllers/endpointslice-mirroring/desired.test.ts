import assert from "node:assert/strict";
import { test } from "node:test";
import type { Endpoints } from "../../api/endpoints/type.ts";
import { packSlices } from "../endpointslice/packing.ts";
import { endpointsOwner, isMirrored, MAX_ENDPOINTS_PER_SUBSET, mirroredEndpoints } from "./desired.ts";

function endpoints(more: Partial<Endpoints> = {}): Endpoints {
  return { metadata: { namespace: "default", name: "db", uid: "u" }, ...more };
}

test("each subset is a slice of each family, ready and unready together", () => {
  const { groups, invalid, tooMany } = mirroredEndpoints(
    endpoints({
      subsets: [
        {
          addresses: [{ ip: "192.0.2.1", hostname: "one", nodeName: "n" }, { ip: "FD00::1" }],
          notReadyAddresses: [{ ip: "192.0.02.002" }, { ip: "no address" }],
          ports: [
            { port: 5432, name: "pg", appProtocol: "postgresql" },
            { port: 53, protocol: "UDP" },
          ],
        },
        { addresses: [{ ip: "192.0.2.1" }], ports: [{ port: 8080 }] },
      ],
    }),
  );
  const pg = [
    { name: "pg", protocol: "TCP", port: 5432, appProtocol: "postgresql" },
    { name: "", protocol: "UDP", port: 53 },
  ];
  assert.deepEqual([invalid, tooMany], [1, 0]);
  assert.deepEqual(groups, [
    {
      addressType: "IPv4",
      ports: pg,
      endpoints: [
        { addresses: ["192.0.2.1"], conditions: { ready: true }, hostname: "one", nodeName: "n" },
        { addresses: ["192.0.2.2"], conditions: { ready: false } },
      ],
    },
    { addressType: "IPv6", ports: pg, endpoints: [{ addresses: ["fd00::1"], conditions: { ready: true } }] },
    {
      addressType: "IPv4",
      ports: [{ name: "", protocol: "TCP", port: 8080 }],
      endpoints: [{ addresses: ["192.0.2.1"], conditions: { ready: true } }],
    },
  ]);
});

test("no more than 1000 addresses of a subset are mirrored, ready ones first", () => {
  const list = (count: number, net: number): { ip: string }[] =>
    Array.from({ length: count }, (_, i) => ({ ip: `10.${net}.${i >> 8}.${i & 255}` }));
  const { groups, invalid, tooMany } = mirroredEndpoints(
    endpoints({
      subsets: [{ addresses: list(900, 1), notReadyAddresses: list(200, 2), ports: [{ port: 80 }] }],
    }),
  );
  assert.deepEqual([invalid, tooMany], [0, 100]);
  assert.equal(groups[0]!.endpoints.length, MAX_ENDPOINTS_PER_SUBSET);
  assert.equal(groups[0]!.endpoints.filter(({ conditions }) => conditions?.ready).length, 900);
});

test("the slices belong to the Endpoints, with their labels and annotations", () => {
  const object = endpoints({
    metadata: {
      namespace: "default",
      name: "db",
      uid: "u",
      labels: { app: "db" },
      annotations: { note: "kept", "kubectl.kubernetes.io/last-applied-configuration": "{}" },
    },
    subsets: [{ addresses: [{ ip: "192.0.2.1" }], ports: [{ port: 80 }] }],
  });
  const options = { maxEndpoints: MAX_ENDPOINTS_PER_SUBSET, placeholders: false };
  const { create } = packSlices(endpointsOwner(object), mirroredEndpoints(object), [], options);
  assert.equal(create.length, 1);
  assert.deepEqual(create[0]!.metadata, {
    generateName: "db-",
    namespace: "default",
    labels: {
      app: "db",
      "kubernetes.io/service-name": "db",
      "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io",
    },
    annotations: { note: "kept" },
    ownerReferences: [
      {
        apiVersion: "v1",
        kind: "Endpoints",
        name: "db",
        uid: "u",
        controller: true,
        blockOwnerDeletion: true,
      },
    ],
  });
  const there = { ...create[0]!, metadata: { ...create[0]!.metadata, name: "db-1" } };
  const renoted = { ...object, metadata: { ...object.metadata, annotations: { note: "new" } } };
  const { update } = packSlices(endpointsOwner(renoted), mirroredEndpoints(object), [there], options);
  assert.deepEqual(update[0]?.metadata.annotations, { note: "new" });
});

test("only Endpoints that nobody else makes slices of are mirrored", () => {
  const service = { metadata: { namespace: "default", name: "db" } };
  const marked = (part: Endpoints["metadata"]): Endpoints =>
    endpoints({ metadata: { ...endpoints().metadata, ...part } });
  assert.equal(isMirrored(service, endpoints()), true);
  assert.equal(isMirrored(undefined, endpoints()), false);
  assert.equal(isMirrored(service, undefined), false);
  assert.equal(isMirrored({ ...service, spec: { selector: { app: "db" } } }, endpoints()), false);
  assert.equal(
    isMirrored(service, marked({ labels: { "endpointslice.kubernetes.io/skip-mirror": "true" } })),
    false,
  );
  assert.equal(
    isMirrored(service, marked({ annotations: { "control-plane.alpha.kubernetes.io/leader": "{}" } })),
    false,
  );
  assert.equal(isMirrored(service, marked({ deletionTimestamp: "2026-01-01T00:00:00Z" })), false);
});
