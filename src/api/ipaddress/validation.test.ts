import assert from "node:assert/strict";
import { test } from "node:test";
import { changed, checkCreates, checkUpdates } from "../validation/complaints-table.ts";
import { ipAddressKind } from "./kind.ts";

const GOOD = {
  metadata: { name: "10.96.0.7" },
  spec: { parentRef: { resource: "services", namespace: "shop", name: "web" } },
};

test("an IPAddress is named by an address in canonical form and says who has it", () => {
  const name = (text: string, complaint: string): [object, string] => [
    { metadata: { name: text } },
    `metadata.name: Invalid value: ${JSON.stringify(text)}: ${complaint}`,
  ];
  checkCreates(ipAddressKind, GOOD, [
    [{}],
    [{ metadata: { name: "fd00::7" } }],
    name("web", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"),
    name("10.96.0.07", "must not have leading 0s"),
    name("FD00::7", 'must be in canonical form ("fd00::7")'),
    name("fd00:0::7", 'must be in canonical form ("fd00::7")'),
    name("::ffff:10.0.0.1", "must not be an IPv4-mapped IPv6 address"),
    [{ spec: null }, "spec.parentRef: Required value"],
    [
      { spec: { parentRef: { resource: null, name: null } } },
      "spec.parentRef.resource: Required value",
      "spec.parentRef.name: Required value",
    ],
    [
      { spec: { parentRef: { resource: "a/b", name: "..", namespace: "50%" } } },
      "spec.parentRef.resource: Invalid value: \"a/b\": may not contain '/'",
      "spec.parentRef.name: Invalid value: \"..\": may not be '..'",
      "spec.parentRef.namespace: Invalid value: \"50%\": may not contain '%'",
    ],
    [{ spec: { parentRef: { group: "gateway.networking.k8s.io" } } }],
  ]);
});

test("the parent of an IPAddress cannot change", () => {
  checkUpdates(ipAddressKind, GOOD, [
    [{ metadata: { labels: { a: "b" } } }],
    [
      { spec: { parentRef: { name: "other" } } },
      'spec.parentRef: Invalid value: {"resource":"services","namespace":"shop","name":"other"}: field is immutable',
    ],
  ]);
});

test("the table shows the parent as upstream does", () => {
  const shown = (patch: object): unknown =>
    ipAddressKind.columns[1]!.cell(changed(ipAddressKind, GOOD, patch), 0);
  assert.equal(shown({}), "services/shop/web");
  assert.equal(shown({ spec: { parentRef: { namespace: null, group: "x.io" } } }), "services.x.io/web");
  assert.equal(shown({ spec: null }), "<none>");
});
