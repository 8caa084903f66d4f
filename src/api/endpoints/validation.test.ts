import assert from "node:assert/strict";
import { test } from "node:test";
import { changed, checkCreates, checkUpdates } from "../validation/complaints-table.ts";
import { endpointsKind } from "./kind.ts";

const GOOD = {
  metadata: { name: "web", namespace: "shop" },
  subsets: [{ addresses: [{ ip: "10.1.0.1", nodeName: "n1" }], ports: [{ port: 80 }] }],
};

test("endpoints", () => {
  checkCreates(endpointsKind, GOOD, [
    [{ subsets: null }],
    [
      { subsets: [{ ports: [{ port: 80 }] }] },
      "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`",
    ],
    [
      { subsets: [{ addresses: [{ ip: "x" }] }] },
      'subsets[0].addresses[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
    [
      { subsets: [{ notReadyAddresses: [{ ip: "127.0.0.1" }] }] },
      'subsets[0].notReadyAddresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
    [
      { subsets: [{ addresses: [{ ip: "10.1.0.1" }], ports: [{ port: 80 }, { port: 0, name: "a" }] }] },
      "subsets[0].ports[0].name: Required value",
      "subsets[0].ports[1].port: Invalid value: 0: must be between 1 and 65535, inclusive",
    ],
    [
      { subsets: [{ addresses: [{ ip: "10.1.0.1" }], ports: [{ port: 80, protocol: "tcp" }] }] },
      'subsets[0].ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"',
    ],
  ]);
  checkUpdates(endpointsKind, GOOD, [
    [{ subsets: [{ addresses: [{ ip: "10.1.0.2", nodeName: "n2" }] }] }],
    [
      { subsets: [{ addresses: [{ ip: "10.1.0.1", nodeName: "n2" }] }] },
      "subsets[0].addresses[0].nodeName: Forbidden: Cannot change NodeName for 10.1.0.1 to n2",
    ],
  ]);
});

test("odd addresses earn warnings, unless the controller of Endpoints writes them", () => {
  const odd = {
    metadata: { name: "web", namespace: "shop" },
    subsets: [{ addresses: [{ ip: "fd00::1" }], notReadyAddresses: [{ ip: "fd00:0::2" }] }],
  };
  const warnings = (patch: object): string[] => endpointsKind.warnings!(changed(endpointsKind, odd, patch));
  assert.deepEqual(warnings({}), [
    'subsets[0].notReadyAddresses[0].ip: IPv6 address "fd00:0::2" should be in RFC 5952 canonical format ("fd00::2")',
  ]);
  const labels = { "endpoints.kubernetes.io/managed-by": "endpoint-controller" };
  assert.deepEqual(warnings({ metadata: { labels } }), []);
});
