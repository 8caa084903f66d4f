import assert from "node:assert/strict";
import { test } from "node:test";
import type { Network, NetworkSpec } from "../api/network/type.ts";
import type { Service, ServiceSpec } from "../api/service/type.ts";
import { formatIp, ip } from "../base/ip.ts";
import { DNS_ADDRESSES_ANNOTATION, dnsAddresses, withDnsAddresses } from "./dns-addresses.ts";

function network(spec: NetworkSpec, deletionTimestamp?: string): Network {
  return { metadata: { name: "n", ...(deletionTimestamp !== undefined && { deletionTimestamp }) }, spec };
}

function kubeDns(externalIPs?: readonly string[], annotation?: string, more: ServiceSpec = {}): Service {
  return {
    metadata: {
      name: "kube-dns",
      ...(annotation !== undefined && {
        annotations: { other: "x", [DNS_ADDRESSES_ANNOTATION]: annotation },
      }),
    },
    spec: {
      clusterIP: "10.96.0.10",
      ...(externalIPs !== undefined && { externalIPs: [...externalIPs] }),
      ...more,
    },
  };
}

test("each Network that containers are on has one, of each family", () => {
  const table: readonly (readonly [what: string, network: Network, ...wanted: string[]])[] = [
    ["the second address", network({ subnet: "10.1.1.0/24", gateway: "10.1.1.254" }), "10.1.1.2"],
    ["the gateway has it", network({ subnet: "10.1.1.0/24", gateway: "10.1.1.2" }), "10.1.1.1"],
    ["both families", network({ subnet: "10.1.1.0/24", ipv6Subnet: "fd10::/64" }), "10.1.1.2", "fd10::2"],
    ["only for Services", network({ subnet: "10.1.1.0/24", type: "Infra" })],
    ["too small", network({ subnet: "10.1.1.0/29" })],
    ["going", network({ subnet: "10.1.1.0/24" }, "2026-01-01T00:00:00Z")],
  ];
  for (const [what, one, ...wanted] of table)
    assert.deepEqual(dnsAddresses([one]).map(formatIp), wanted, what);
  assert.deepEqual(dnsAddresses(table.map(([, one]) => one)).map(formatIp), [
    "10.1.1.1",
    "10.1.1.2",
    "fd10::2",
  ]);
});

test("what is ours among the Service's externalIPs comes and goes, and all others stay", () => {
  const A = ip("10.1.1.2");
  const B = ip("11.1.1.2");
  const V6 = ip("fd10::2");
  const table: readonly (readonly [
    what: string,
    service: Service,
    addresses: readonly (typeof A)[],
    externalIPs: readonly string[],
    annotation: string | undefined,
  ])[] = [
    ["the first", kubeDns(), [A], ["10.1.1.2"], "10.1.1.2"],
    ["beside somebody's", kubeDns(["192.0.2.1"]), [A], ["192.0.2.1", "10.1.1.2"], "10.1.1.2"],
    ["one more", kubeDns(["10.1.1.2"], "10.1.1.2"), [A, B], ["10.1.1.2", "11.1.1.2"], "10.1.1.2,11.1.1.2"],
    [
      "one less",
      kubeDns(["10.1.1.2", "192.0.2.1", "11.1.1.2"], "10.1.1.2,11.1.1.2"),
      [B],
      ["192.0.2.1", "11.1.1.2"],
      "11.1.1.2",
    ],
    ["none left", kubeDns(["10.1.1.2", "192.0.2.1"], "10.1.1.2"), [], ["192.0.2.1"], undefined],
    ["somebody's own is the same", kubeDns(["10.1.1.2"]), [A], ["10.1.1.2"], undefined],
    ["and stays when the Network goes", kubeDns(["10.1.1.2"]), [], ["10.1.1.2"], undefined],
    ["somebody took ours away", kubeDns([], "10.1.1.2"), [A], ["10.1.1.2"], "10.1.1.2"],
    ["a family that the Service has not", kubeDns(), [A, V6], ["10.1.1.2"], "10.1.1.2"],
    [
      "and has",
      kubeDns([], undefined, { ipFamilies: ["IPv4", "IPv6"] }),
      [A, V6],
      ["10.1.1.2", "fd10::2"],
      "10.1.1.2,fd10::2",
    ],
  ];
  for (const [what, service, addresses, externalIPs, annotation] of table) {
    const made = withDnsAddresses(service, addresses);
    assert.deepEqual(made.spec?.externalIPs, externalIPs, what);
    assert.equal(made.metadata.annotations?.[DNS_ADDRESSES_ANNOTATION], annotation, what);
    assert.equal(made.metadata.annotations?.["other"], service.metadata.annotations?.["other"], what);
    assert.equal(made.spec?.clusterIP, "10.96.0.10");
    assert.equal(withDnsAddresses(made, addresses), made, `${what}: nothing more to do`);
  }
  assert.equal(withDnsAddresses(kubeDns(), []).spec?.externalIPs, undefined);
});
