import { test } from "node:test";
import { checkCreates, checkUpdates } from "../validation/complaints-table.ts";
import { endpointSliceKind } from "./kind.ts";

const GOOD = {
  metadata: { name: "web-x", namespace: "shop" },
  addressType: "IPv4",
  endpoints: [{ addresses: ["10.1.0.1"], nodeName: "n1", hostname: "a" }],
  ports: [{ name: "http", port: 80 }],
};
const DNS_LABEL =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const LABEL_VALUE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const of = (...addresses: string[]): object => ({ endpoints: [{ addresses }] });
const many = <T>(n: number, one: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => one(i));

test("endpoints and their addresses", () => {
  checkCreates(endpointSliceKind, GOOD, [
    [{ addressType: null }, "addressType: Required value"],
    [
      { addressType: "ipv4" },
      'addressType: Unsupported value: "ipv4": supported values: "FQDN", "IPv4", "IPv6"',
    ],
    [{ endpoints: null }],
    [of("10.1.0.1", "10.1.0.2")],
    [of(), "endpoints[0].addresses: Required value: must contain at least 1 address"],
    [of("fd00::1"), 'endpoints[0].addresses[0]: Invalid value: "fd00::1": must be an IPv4 address'],
    [of("10.1.0.01", "::ffff:10.1.0.2")],
    [
      of("10.1.0"),
      'endpoints[0].addresses[0]: Invalid value: "10.1.0": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
    [
      of("127.0.0.01"),
      'endpoints[0].addresses[0]: Invalid value: "127.0.0.01": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
    [
      of("127.0.0.1"),
      'endpoints[0].addresses[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
    [{ addressType: "IPv6", ...of("fd00::1") }],
    [
      { addressType: "IPv6", ...of("10.1.0.1") },
      'endpoints[0].addresses[0]: Invalid value: "10.1.0.1": must be an IPv6 address',
    ],
    [
      { addressType: "IPv6", ...of("::ffff:10.1.0.1") },
      'endpoints[0].addresses[0]: Invalid value: "::ffff:10.1.0.1": must be an IPv6 address',
    ],
    [{ addressType: "FQDN", ...of("db.example.com.") }],
    [
      { addressType: "FQDN", ...of("db") },
      'endpoints[0].addresses[0]: Invalid value: "db": should be a domain with at least two segments separated by dots',
    ],
    [
      of(...many(101, (i) => `10.1.0.${i}`)),
      "endpoints[0].addresses: Too many: 101: must have at most 100 items",
    ],
    [
      { endpoints: many(1001, () => ({ addresses: ["10.1.0.1"] })) },
      "endpoints: Too many: 1001: must have at most 1000 items",
    ],
    [
      { endpoints: [{ addresses: ["10.1.0.1"], hostname: "A" }] },
      `endpoints[0].hostname: Invalid value: "A": ${DNS_LABEL}`,
    ],
    [
      { endpoints: [{ addresses: ["10.1.0.1"], hints: { forZones: [{ name: "z" }, { name: "z" }] } }] },
      'endpoints[0].hints.forZones[1].name: Duplicate value: "z"',
    ],
    [
      {
        endpoints: [
          { addresses: ["10.1.0.1"], hints: { forZones: [{ name: "" }, { name: "a b" }, { name: "a b" }] } },
        ],
      },
      `endpoints[0].hints.forZones[1].name: Invalid value: "a b": ${LABEL_VALUE}`,
      'endpoints[0].hints.forZones[2].name: Duplicate value: "a b"',
      `endpoints[0].hints.forZones[2].name: Invalid value: "a b": ${LABEL_VALUE}`,
    ],
    [
      { endpoints: [{ addresses: ["10.1.0.1"], hints: { forNodes: many(9, (i) => ({ name: `n${i}` })) } }] },
      "endpoints[0].hints.forNodes: Too many: 9: must have at most 8 items",
    ],
  ]);
});

test("ports", () => {
  checkCreates(endpointSliceKind, GOOD, [
    [{ ports: null }],
    [{ ports: [{}] }],
    [{ ports: [{ name: "A" }] }, `ports[0].name: Invalid value: "A": ${DNS_LABEL}`],
    [{ ports: [{ port: 1 }, { port: 2 }] }, 'ports[1].name: Duplicate value: ""'],
    [{ ports: [{ port: 0 }] }, "ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"],
    [
      { ports: [{ protocol: "tcp" }] },
      'ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"',
    ],
  ]);
});

test("updates", () => {
  checkUpdates(endpointSliceKind, GOOD, [
    [of("10.1.0.9")],
    [{ addressType: "IPv6", ...of("fd00::1") }, 'addressType: Invalid value: "IPv6": field is immutable'],
  ]);
});
