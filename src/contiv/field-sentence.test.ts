import assert from "node:assert/strict";
import { test } from "node:test";
import {
  duplicate,
  type FieldError,
  forbiddenField,
  formatFieldError,
  immutable,
  invalidValue,
  notSupported,
  required,
  tooLong,
  tooMany,
} from "../api/field-error.ts";
import { validateNetwork } from "../api/network/validation.ts";
import type { NetworkSpec } from "../api/network/type.ts";
import { problemOf } from "./field-sentence.ts";

function said(error: FieldError): string {
  const { field, message } = problemOf({
    field: error.field,
    message: formatFieldError({ ...error, field: "" }),
  });
  return `${field}| ${message}`;
}

const SENTENCES: readonly (readonly [FieldError, string])[] = [
  [
    invalidValue("spec.gateway", "5.5.5.5", "must be inside the subnet 100.1.9.0/24"),
    "gateway| gateway 5.5.5.5 must be inside the subnet 100.1.9.0/24",
  ],
  [
    invalidValue("spec.packetTag", -1, "must be between 0 and 9, inclusive"),
    "pktTag| pktTag -1 must be between 0 and 9, inclusive",
  ],
  [
    invalidValue("spec.ports[1].targetPort", 0, "must be between 1 and 65535, inclusive"),
    "ports[1]| ports[1].targetPort 0 must be between 1 and 65535, inclusive",
  ],
  [
    invalidValue("spec.subnet", "10.0.0.0/4", "subnet length 4 not supported: it may be 8 to 32"),
    "subnet| subnet length 4 not supported: it may be 8 to 32 (subnet 10.0.0.0/4)",
  ],
  [
    invalidValue("spec.subnet", "10.0.0.0/30", "network x conflicts with subnet 10.0.0.0/29 of network a/b"),
    "subnet| network x conflicts with subnet 10.0.0.0/29 of network a/b (subnet 10.0.0.0/30)",
  ],
  // Subject and value are in it.
  [
    invalidValue(
      "spec.clusterIPs",
      ["100.1.1.2"],
      "failed to allocate IP 100.1.1.2: provided IP is already allocated",
    ),
    "ipAddress| failed to allocate IP 100.1.1.2: provided IP is already allocated",
  ],
  [
    invalidValue("spec.clusterIPs", [], "auto allocation failed - address exhaustion in subnet 10.0.0.0/30"),
    "ipAddress| auto allocation failed - address exhaustion in subnet 10.0.0.0/30",
  ],
  [
    invalidValue("metadata.labels", "a b: c", "a valid label must be an empty string or"),
    'metadata.labels| metadata.labels "a b: c": a valid label must be an empty string or',
  ],
  [invalidValue("spec.gateway", "", "must be an address"), 'gateway| gateway "" must be an address'],
  [invalidValue("spec.gateway", "x", ""), "gateway| gateway x is invalid"],
  [
    invalidValue("metadata.name", { a: [1, "b: c"] }, "must be a text"),
    'metadata.name| metadata.name {"a":[1,"b: c"]} must be a text',
  ],
  [immutable("spec.type", "Data"), "nwType| nwType Data: field is immutable"],
  [required("spec.subnet", "a network needs one"), "subnet| subnet is required: a network needs one"],
  [required("spec.ports"), "ports| ports is required"],
  [
    forbiddenField("spec.gateway", "may only be set with `subnet`"),
    "gateway| gateway may only be set with `subnet`",
  ],
  [forbiddenField("spec.gateway", "not here"), "gateway| gateway: not here"],
  [
    notSupported("spec.encapsulation", "x", ["VXLAN", "VLAN"]),
    'encap| encap x is not supported: supported values: "VLAN", "VXLAN"',
  ],
  [
    duplicate("spec.ports[2]", { port: 80, protocol: "TCP" }),
    'ports[2]| ports[2] {"port":80,"protocol":"TCP"} is there twice',
  ],
  [tooLong("spec.tag", 128), "cfgdTag| cfgdTag may not be more than 128 bytes"],
  [tooMany("spec.clusterIPs", 3, 2), "ipAddress| ipAddress must have at most 2 items, and has 3"],
];

for (const [error, sentence] of SENTENCES) test(sentence, () => assert.equal(said(error), sentence));

test("what is no field's stays as it is", () => {
  assert.deepEqual(problemOf({ message: "no" }), { message: "no" });
  assert.deepEqual(problemOf({ field: "", message: "Forbidden" }), { message: "Forbidden" });
  assert.deepEqual(problemOf({ field: "x", message: "odd words" }), { field: "x", message: "odd words" });
});

/** Each with one thing wrong, of those that netmaster's own checks let pass. */
const NETWORKS: readonly NetworkSpec[] = [
  { subnet: "10.0.0.0/4" },
  { subnet: "10.0.0.0/31" },
  { subnet: "10.1.1.1/24" },
  { subnet: "224.1.1.0/24" },
  { subnet: "127.1.1.0/24" },
  { subnet: "10.1.1.0/24", gateway: "10.1.1.0" },
  { subnet: "10.1.1.0/24", gateway: "10.1.1.255" },
  { subnet: "10.1.1.0/24", gateway: "10.1.2.1" },
  { ipv6Subnet: "fd00::/64", gateway: "10.1.2.1" },
  { subnet: "10.1.1.0/24", range: "10.1.1.9-10.1.1.1" },
  { subnet: "10.1.1.0/24", range: "10.1.1.9-10.1.2.1" },
  { ipv6Subnet: "fe80::/64" },
  { ipv6Subnet: "FD00::/64" },
  { subnet: "10.1.1.0/24", packetTag: 99_999_999 },
];

test("each refusal of a network is a sentence about the field, with the value once", () => {
  for (const spec of NETWORKS) {
    const errors = validateNetwork({
      apiVersion: "fairlead.dev/v1",
      kind: "Network",
      metadata: { name: "n", namespace: "default" },
      spec,
    });
    assert.equal(errors.length, 1, JSON.stringify(spec));
    const [{ field, message }] = errors.map((error) =>
      problemOf({ field: error.field, message: formatFieldError({ ...error, field: "" }) }),
    ) as [ReturnType<typeof problemOf>];
    assert.ok(message.startsWith(`${field} `) || message.includes(` (${field} `), message);
    const value = String(errors[0]!.value);
    const words = message.split(/[\s,()]+/).map((word) => word.replace(/:$/, ""));
    if (value !== "") assert.equal(words.filter((word) => word === value).length, 1, message);
    assert.doesNotMatch(message, /Invalid value|: "[^"]*"$/);
  }
});
