import assert from "node:assert/strict";
import { test } from "node:test";
import { changed } from "../validation/complaints-table.ts";
import { serviceKind } from "./kind.ts";

const GOOD = { metadata: { name: "web", namespace: "shop" }, spec: { ports: [{ port: 80 }] } };

test("what is accepted but means little or is written oddly earns warnings", () => {
  const rows: [object, ...string[]][] = [
    [{}],
    [{ spec: { clusterIP: "fd00::1", clusterIPs: ["fd00::1", "10.96.0.9"] } }],
    [
      { spec: { clusterIP: "FD00::1", clusterIPs: ["FD00::1"] } },
      'spec.clusterIPs[0]: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")',
    ],
    [
      { spec: { externalIPs: ["10.1.1.1", "2001:db8:0:0::1"], loadBalancerIP: "fd00:0::2" } },
      'spec.externalIPs[1]: IPv6 address "2001:db8:0:0::1" should be in RFC 5952 canonical format ("2001:db8::1")',
      'spec.loadBalancerIP: IPv6 address "fd00:0::2" should be in RFC 5952 canonical format ("fd00::2")',
    ],
    [
      { spec: { type: "LoadBalancer", loadBalancerSourceRanges: ["10.0.0.0/8", "FD00::/8"] } },
      'spec.loadBalancerSourceRanges[1]: IPv6 CIDR value "FD00::/8" should be in RFC 5952 canonical format ("fd00::/8")',
    ],
    [{ spec: { type: "LoadBalancer", loadBalancerIP: "no address" } }],
    [
      { spec: { clusterIP: "010.96.0.9", clusterIPs: ["010.96.0.9"], externalIPs: ["::ffff:10.1.1.1"] } },
      'spec.clusterIPs[0]: non-standard IP address "010.96.0.9" will be considered invalid in a future Kubernetes release: use "10.96.0.9"',
      'spec.externalIPs[0]: non-standard IP address "::ffff:10.1.1.1" will be considered invalid in a future Kubernetes release: use "10.1.1.1"',
    ],
    [
      {
        spec: {
          type: "LoadBalancer",
          loadBalancerSourceRanges: ["192.12.2.8/24", "010.0.0.0/8", "::ffff:10.0.0.1/104", "fd00::1/64"],
        },
      },
      'spec.loadBalancerSourceRanges[0]: CIDR value "192.12.2.8/24" is ambiguous in this context (should be "192.12.2.0/24" or "192.12.2.8/32"?)',
      'spec.loadBalancerSourceRanges[1]: non-standard CIDR value "010.0.0.0/8" will be considered invalid in a future Kubernetes release: use "10.0.0.0/8"',
      'spec.loadBalancerSourceRanges[2]: CIDR value "::ffff:10.0.0.1/104" is ambiguous in this context (should be "10.0.0.0/8" or "10.0.0.1/128"?)',
      'spec.loadBalancerSourceRanges[2]: non-standard CIDR value "::ffff:10.0.0.1/104" will be considered invalid in a future Kubernetes release: use "10.0.0.0/8"',
      'spec.loadBalancerSourceRanges[3]: CIDR value "fd00::1/64" is ambiguous in this context (should be "fd00::/64" or "fd00::1/128"?)',
    ],
    [{ spec: { clusterIP: "None", clusterIPs: ["None"] } }],
    [
      {
        spec: {
          clusterIP: "None",
          clusterIPs: ["None"],
          externalIPs: ["10.1.1.1"],
          loadBalancerIP: "10.1.1.1",
          sessionAffinity: "ClientIP",
        },
      },
      "spec.loadBalancerIP is ignored for headless services",
      "spec.externalIPs is ignored for headless services",
      "spec.SessionAffinity is ignored for headless services",
    ],
    [
      { spec: { type: "ExternalName", externalName: "a.b", externalIPs: ["10.1.1.1"] } },
      'spec.externalIPs is ignored when spec.type is "ExternalName"',
    ],
    [{ spec: { externalName: "a.b" } }, 'spec.externalName is ignored when spec.type is not "ExternalName"'],
    [
      { metadata: { annotations: { "service.kubernetes.io/topology-aware-hints": "auto" } } },
      "annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead",
    ],
  ];
  for (const [patch, ...warnings] of rows)
    assert.deepEqual(
      serviceKind.warnings!(changed(serviceKind, GOOD, patch)),
      warnings,
      JSON.stringify(patch),
    );
});

test("an annotation of ours that means nothing is warned of when it is written, and not again", () => {
  const annotated = (text: string) =>
    changed(serviceKind, GOOD, { metadata: { annotations: { "fairlead.dev/balance": text } } });
  const warning =
    'annotation fairlead.dev/balance: "best" is none of random, round-robin, source-hash, source-port-hash, least-clients, primary-backup; new connections are spread at random';
  assert.deepEqual(serviceKind.warnings!(annotated("round-robin")), []);
  assert.deepEqual(serviceKind.warnings!(annotated("best")), [warning]);
  assert.deepEqual(serviceKind.warnings!(annotated("best"), annotated("random")), [warning]);
  assert.deepEqual(serviceKind.warnings!(annotated("best"), annotated("best")), []);
});
