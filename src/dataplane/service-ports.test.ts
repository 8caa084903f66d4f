import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { EndpointSlice } from "../api/endpointslice/type.ts";
import type { NodeView } from "./node-view.ts";
import { portText, serviceOf, sliceOf } from "./service-fixture.ts";
import { createServiceTracker } from "./service-table.ts";
import type { VirtualPort } from "./table.ts";

const HERE: NodeView = { name: "n1", zone: "a" };

function portsOf(
  yaml: string,
  slices: readonly EndpointSlice[],
  node: NodeView | undefined = HERE,
): VirtualPort[] {
  const tracker = createServiceTracker(node === undefined ? {} : { node });
  tracker.setService(serviceOf(yaml));
  slices.forEach((slice, i) =>
    tracker.setSlice({ ...slice, metadata: { ...slice.metadata, name: `web-${i}` } }),
  );
  tracker.take();
  return Array.from(tracker.ports.values());
}

/** A table of tests: each a Service in YAML, its endpoints, and its virtual ports. */
function check(
  rows: readonly (readonly [
    yaml: string,
    endpoints: string | readonly EndpointSlice[],
    ports: readonly string[],
  ])[],
  node?: NodeView,
): void {
  for (const [yaml, endpoints, ports] of rows) {
    const slices = typeof endpoints === "string" ? [sliceOf(endpoints)] : endpoints;
    assert.deepEqual(
      portsOf(yaml, slices, node).map(portText),
      ports,
      `${yaml}\n${JSON.stringify(endpoints)}`,
    );
  }
}

const EVERYWHERE = `
spec:
  type: LoadBalancer
  ports: [{ port: 80, nodePort: 30080 }]
  externalIPs: [192.0.2.9]
status: { loadBalancer: { ingress: [{ ip: 198.51.100.7 }] } }
`;

/** With more fields of the spec. */
function everywhere(more: string): string {
  return EVERYWHERE.replace("type: LoadBalancer", `type: LoadBalancer\n  ${more}`);
}

test("a Service is at its cluster IP, its load balancer's addresses, its external IPs, and a port of the node", () => {
  check([
    [
      EVERYWHERE,
      "10.0.0.1@n1 10.0.0.2@n2",
      [
        "ClusterIP 10.96.0.1 80/TCP -> 10.0.0.1:8080@ 10.0.0.2:8080",
        "LoadBalancer 198.51.100.7 80/TCP -> 10.0.0.1:8080@ 10.0.0.2:8080",
        "ExternalIP 192.0.2.9 80/TCP -> 10.0.0.1:8080@ 10.0.0.2:8080",
        "NodePort 0.0.0.0 30080/TCP -> 10.0.0.1:8080@ 10.0.0.2:8080",
      ],
    ],
    [
      EVERYWHERE,
      "",
      [
        "ClusterIP 10.96.0.1 80/TCP -> refuse",
        "LoadBalancer 198.51.100.7 80/TCP -> refuse",
        "ExternalIP 192.0.2.9 80/TCP -> refuse",
        "NodePort 0.0.0.0 30080/TCP -> refuse",
      ],
    ],
    // Named ports, of several protocols, with and without a node port.
    [
      `spec:
        type: NodePort
        ports:
          - { name: dns, protocol: UDP, port: 53, nodePort: 30053 }
          - { name: dns-tcp, protocol: TCP, port: 53, nodePort: 30053 }
          - { name: sigtran, protocol: SCTP, port: 2905 }`,
      [
        sliceOf("10.0.0.1", {
          ports: [
            { name: "dns", protocol: "UDP", port: 5353 },
            { name: "sigtran", protocol: "SCTP", port: 29 },
          ],
        }),
      ],
      [
        'ClusterIP 10.96.0.1 53/UDP "dns" -> 10.0.0.1:5353',
        'NodePort 0.0.0.0 30053/UDP "dns" -> 10.0.0.1:5353',
        'ClusterIP 10.96.0.1 53/TCP "dns-tcp" -> refuse',
        'NodePort 0.0.0.0 30053/TCP "dns-tcp" -> refuse',
        'ClusterIP 10.96.0.1 2905/SCTP "sigtran" -> 10.0.0.1:29',
      ],
    ],
  ]);
});

test("each family has its addresses, ports and endpoints; addresses of a family without a cluster IP are nobody's", () => {
  const dual = `
    spec:
      type: LoadBalancer
      clusterIPs: [10.96.0.1, "fd00:96::1"]
      ports: [{ port: 80, nodePort: 30080 }]
      externalIPs: ["2001:db8::9", 192.0.2.9]
    status: { loadBalancer: { ingress: [{ ip: 198.51.100.7 }, { ip: "2001:db8::7" }, { hostname: lb.example }] } }`;
  const slices = [sliceOf("10.0.0.1"), sliceOf("fd00::1@n1")];
  check([
    [
      dual,
      slices,
      [
        "ClusterIP 10.96.0.1 80/TCP -> 10.0.0.1:8080",
        "LoadBalancer 198.51.100.7 80/TCP -> 10.0.0.1:8080",
        "ExternalIP 192.0.2.9 80/TCP -> 10.0.0.1:8080",
        "NodePort 0.0.0.0 30080/TCP -> 10.0.0.1:8080",
        "ClusterIP fd00:96::1 80/TCP -> [fd00::1]:8080@",
        "LoadBalancer 2001:db8::7 80/TCP -> [fd00::1]:8080@",
        "ExternalIP 2001:db8::9 80/TCP -> [fd00::1]:8080@",
        "NodePort :: 30080/TCP -> [fd00::1]:8080@",
      ],
    ],
    [
      dual.replace('[10.96.0.1, "fd00:96::1"]', '["fd00:96::1"]'),
      slices,
      [
        "ClusterIP fd00:96::1 80/TCP -> [fd00::1]:8080@",
        "LoadBalancer 2001:db8::7 80/TCP -> [fd00::1]:8080@",
        "ExternalIP 2001:db8::9 80/TCP -> [fd00::1]:8080@",
        "NodePort :: 30080/TCP -> [fd00::1]:8080@",
      ],
    ],
  ]);
});

test("an address of mode Proxy is the load balancer's alone, and one that is there twice is of the first type", () => {
  const lb = (ingress: string, more = "") =>
    `spec: { type: LoadBalancer ${more} }\nstatus: { loadBalancer: { ingress: [${ingress}] } }`;
  check([
    [
      lb("{ ip: 198.51.100.7, ipMode: Proxy }, { ip: 198.51.100.8, ipMode: VIP }"),
      "10.0.0.1",
      ["ClusterIP 10.96.0.1 80/TCP -> 10.0.0.1:8080", "LoadBalancer 198.51.100.8 80/TCP -> 10.0.0.1:8080"],
    ],
    [
      lb("{ ip: 198.51.100.7 }", ", externalIPs: [198.51.100.7], loadBalancerSourceRanges: [203.0.113.0/24]"),
      "10.0.0.1",
      [
        "ClusterIP 10.96.0.1 80/TCP -> 10.0.0.1:8080",
        "LoadBalancer 198.51.100.7 80/TCP -> 10.0.0.1:8080 from [203.0.113.0/24]",
      ],
    ],
  ]);
});

test("what is no address takes none of the node's ports", () => {
  check([
    [
      `spec: { type: LoadBalancer, clusterIPs: [10.96.0.1, "fd00:96::1"], externalIPs: ["", 0.0.0.0, "::ffff:0.0.0.0", web] }
status: { loadBalancer: { ingress: [{ ip: 0.0.0.0 }, { ip: "::" }, { hostname: lb.example }, { ip: "" }] } }`,
      "10.0.0.1",
      ["ClusterIP 10.96.0.1 80/TCP -> 10.0.0.1:8080", "ClusterIP fd00:96::1 80/TCP -> refuse"],
    ],
  ]);
});

test("internalTrafficPolicy Local: the cluster IP leads to this node's endpoints, other addresses to all", () => {
  const local = everywhere("internalTrafficPolicy: Local");
  const rest = (backends: string) => [
    `LoadBalancer 198.51.100.7 80/TCP -> ${backends}`,
    `ExternalIP 192.0.2.9 80/TCP -> ${backends}`,
    `NodePort 0.0.0.0 30080/TCP -> ${backends}`,
  ];
  const row = (endpoints: string, inside: string, outside: string) =>
    [local, endpoints, [`ClusterIP 10.96.0.1 80/TCP -> ${inside}`, ...rest(outside)]] as const;
  check([
    row("10.0.0.1@n1 10.0.0.2@n2", "10.0.0.1:8080@", "10.0.0.1:8080@ 10.0.0.2:8080"),
    // Others could take it: dropped, so that clients try again. Nobody could: refused.
    row("10.0.0.2@n2", "drop", "10.0.0.2:8080"),
    row("10.0.0.2~@n2", "drop", "10.0.0.2:8080"),
    row("10.0.0.2!@n2", "refuse", "refuse"),
    row("10.0.0.1!@n1", "refuse", "refuse"),
    // The stopgap is found for each policy by itself.
    row("10.0.0.1~@n1 10.0.0.2@n2", "10.0.0.1:8080@", "10.0.0.2:8080"),
    row("10.0.0.1~!@n1 10.0.0.2@n2", "drop", "10.0.0.2:8080"),
    row("10.0.0.1~@n1 10.0.0.3@n1", "10.0.0.3:8080@", "10.0.0.3:8080@"),
    // Not on any node, like what is written by hand.
    row("10.0.0.1", "drop", "10.0.0.1:8080"),
  ]);
});

test("externalTrafficPolicy Local: whoever is outside gets this node's endpoints, whoever is inside all", () => {
  const local = everywhere("externalTrafficPolicy: Local");
  const row = (endpoints: string, inside: string, outside: string) => {
    const both = outside === "" ? inside : `${inside} | outside -> ${outside}`;
    return [
      local,
      endpoints,
      [
        `ClusterIP 10.96.0.1 80/TCP -> ${inside}`,
        `LoadBalancer 198.51.100.7 80/TCP -> ${both}`,
        `ExternalIP 192.0.2.9 80/TCP -> ${both}`,
        `NodePort 0.0.0.0 30080/TCP -> ${both}`,
      ],
    ] as const;
  };
  check([
    row("10.0.0.1@n1 10.0.0.2@n2", "10.0.0.1:8080@ 10.0.0.2:8080", "10.0.0.1:8080@"),
    row("10.0.0.2@n2", "10.0.0.2:8080", "drop"),
    row("10.0.0.1~@n1 10.0.0.2@n2", "10.0.0.2:8080", "10.0.0.1:8080@"),
    // The same for all is said once.
    row("10.0.0.1@n1", "10.0.0.1:8080@", ""),
    row("10.0.0.1~@n1", "10.0.0.1:8080@", ""),
    row("10.0.0.1!@n1", "refuse", ""),
    row("", "refuse", ""),
  ]);
});

test("the external policy means nothing where there is no outside, and both policies may be Local", () => {
  check([
    [
      "spec: { externalTrafficPolicy: Local }",
      "10.0.0.2@n2",
      ["ClusterIP 10.96.0.1 80/TCP -> 10.0.0.2:8080"],
    ],
    [
      "spec: { externalTrafficPolicy: Local, externalIPs: [192.0.2.9] }",
      "10.0.0.2@n2",
      [
        "ClusterIP 10.96.0.1 80/TCP -> 10.0.0.2:8080",
        "ExternalIP 192.0.2.9 80/TCP -> 10.0.0.2:8080 | outside -> drop",
      ],
    ],
    [
      "spec: { type: NodePort, internalTrafficPolicy: Local, externalTrafficPolicy: Local, ports: [{ port: 80, nodePort: 30080 }] }",
      "10.0.0.1@n1 10.0.0.2@n2",
      [
        "ClusterIP 10.96.0.1 80/TCP -> 10.0.0.1:8080@",
        "NodePort 0.0.0.0 30080/TCP -> 10.0.0.1:8080@ 10.0.0.2:8080 | outside -> 10.0.0.1:8080@",
      ],
    ],
  ]);
});

test("topology hints are followed if all ready endpoints have them and one is for this node or zone", () => {
  const row = (endpoints: string, backends: string) =>
    ["", endpoints, [`ClusterIP 10.96.0.1 80/TCP -> ${backends}`]] as const;
  const inA: NodeView = { name: "n1", zone: "a" };
  check(
    [
      row("10.0.0.1+a 10.0.0.2+b 10.0.0.3+a", "10.0.0.1:8080 10.0.0.3:8080"),
      row("10.0.0.1+b+a 10.0.0.2+b", "10.0.0.1:8080"),
      // One without a hint, or none for us: all.
      row("10.0.0.1+a 10.0.0.2", "10.0.0.1:8080 10.0.0.2:8080"),
      row("10.0.0.1+b 10.0.0.2+c", "10.0.0.1:8080 10.0.0.2:8080"),
      // What is not ready has no say and is not used.
      row("10.0.0.1+a 10.0.0.2+b 10.0.0.3! 10.0.0.4~", "10.0.0.1:8080"),
      row("10.0.0.1+a! 10.0.0.2+b", "10.0.0.2:8080"),
      row("10.0.0.1+a~ 10.0.0.2+b~", "10.0.0.1:8080 10.0.0.2:8080"),
      // Nodes go before zones.
      row("10.0.0.1%n1+a 10.0.0.2%n2+a 10.0.0.3%n3+b", "10.0.0.1:8080"),
      row("10.0.0.2%n2+a 10.0.0.3%n3+b", "10.0.0.2:8080"),
      row("10.0.0.1%n1+a 10.0.0.2+a 10.0.0.3%n3+b", "10.0.0.1:8080 10.0.0.2:8080"),
      row("10.0.0.2%n2+b 10.0.0.3%n3+b", "10.0.0.2:8080 10.0.0.3:8080"),
    ],
    inA,
  );
  check([row("10.0.0.1+a 10.0.0.2+b", "10.0.0.1:8080 10.0.0.2:8080")], { name: "n1" });
  check([row("10.0.0.1%n1 10.0.0.2%n2", "10.0.0.1:8080")], { name: "n1" });
});

test("hints say nothing to traffic policy Local", () => {
  check([
    [
      "spec: { internalTrafficPolicy: Local }",
      "10.0.0.1@n1+b 10.0.0.2@n2+a",
      ["ClusterIP 10.96.0.1 80/TCP -> 10.0.0.1:8080@"],
    ],
  ]);
});

test("without a node nothing is local and no hint counts", () => {
  const tracker = createServiceTracker();
  tracker.setService(serviceOf("spec: { internalTrafficPolicy: Local }"));
  tracker.setSlice(sliceOf("10.0.0.1@n1+a%n1"));
  assert.deepEqual(tracker.take().set.map(portText), ["ClusterIP 10.96.0.1 80/TCP -> drop"]);
});

test("source ranges hold at the load balancer's addresses and nowhere else", () => {
  const rest = [
    "ExternalIP 192.0.2.9 80/TCP -> 10.0.0.1:8080",
    "NodePort 0.0.0.0 30080/TCP -> 10.0.0.1:8080",
  ];
  const row = (yaml: string, ranges: string) =>
    [
      yaml,
      "10.0.0.1",
      [
        "ClusterIP 10.96.0.1 80/TCP -> 10.0.0.1:8080",
        `LoadBalancer 198.51.100.7 80/TCP -> 10.0.0.1:8080${ranges}`,
        ...rest,
      ],
    ] as const;
  const annotated = (text: string, more = "") =>
    `${everywhere(more)}\nmetadata: { annotations: { service.beta.kubernetes.io/load-balancer-source-ranges: "${text}" } }`;
  check([
    row(
      everywhere('loadBalancerSourceRanges: [" 203.0.113.0/24 ", 192.0.2.77/25, 192.0.2.0/25]'),
      " from [192.0.2.0/25 203.0.113.0/24]",
    ),
    row(everywhere('loadBalancerSourceRanges: [203.0.113.0/24, "2001:db8::/32"]'), " from [203.0.113.0/24]"),
    // All of another family: nobody of this one was named.
    row(everywhere('loadBalancerSourceRanges: ["2001:db8::/32"]'), " from []"),
    row(everywhere("loadBalancerSourceRanges: [203.0.113.0/24, 0.0.0.0/0]"), ""),
    row(everywhere("loadBalancerSourceRanges: []"), ""),
    row(annotated("203.0.113.0/24, 192.0.2.0/25"), " from [192.0.2.0/25 203.0.113.0/24]"),
    row(annotated(" "), ""),
    row(annotated("203.0.113.0/24", "loadBalancerSourceRanges: [192.0.2.0/25]"), " from [192.0.2.0/25]"),
  ]);
});

test("where the node may connect, so may the load balancer's address, which may be its own", () => {
  const yaml = everywhere("loadBalancerSourceRanges: [203.0.113.0/24]");
  const ranges = (addresses: readonly string[]) =>
    portsOf(yaml, [sliceOf("10.0.0.1")], { name: "n1", addresses }).find(
      ({ type }) => type === "LoadBalancer",
    )!.sourceRanges;
  assert.deepEqual(ranges(["203.0.113.5"]), ["198.51.100.7/32", "203.0.113.0/24"]);
  assert.deepEqual(ranges(["10.1.0.5", "fd00::5"]), ["203.0.113.0/24"]);
});

test("session affinity has its time at every address", () => {
  check([
    [
      "spec: { sessionAffinity: ClientIP, externalIPs: [192.0.2.9], sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } }",
      "10.0.0.1",
      [
        "ClusterIP 10.96.0.1 80/TCP -> 10.0.0.1:8080 for 60 s",
        "ExternalIP 192.0.2.9 80/TCP -> 10.0.0.1:8080 for 60 s",
      ],
    ],
    [
      "spec: { sessionAffinity: ClientIP }",
      "10.0.0.1",
      ["ClusterIP 10.96.0.1 80/TCP -> 10.0.0.1:8080 for 10800 s"],
    ],
    ["spec: { sessionAffinity: None }", "10.0.0.1", ["ClusterIP 10.96.0.1 80/TCP -> 10.0.0.1:8080"]],
  ]);
});

test("the annotation chooses the balance, and weights go with it", () => {
  const balanced = (policy: string, more = "") =>
    `metadata: { annotations: { fairlead.dev/balance: ${policy} } }\nspec: { type: ClusterIP ${more} }`;
  const row = (policy: string, endpoints: string, ports: string) =>
    [balanced(policy), endpoints, [`ClusterIP 10.96.0.1 80/TCP -> ${ports}`]] as const;
  check([
    row("random", "10.0.0.1*3 10.0.0.2", "10.0.0.1:8080*3 10.0.0.2:8080"),
    row("round-robin", "10.0.0.1*3 10.0.0.2*1", "10.0.0.1:8080*3 10.0.0.2:8080 round-robin"),
    row("source-hash", "10.0.0.1 10.0.0.2*1000", "10.0.0.1:8080 10.0.0.2:8080*1000 source"),
    row("source-port-hash", "10.0.0.1 10.0.0.2", "10.0.0.1:8080 10.0.0.2:8080 source-port"),
    row("fancy", "10.0.0.1 10.0.0.2", "10.0.0.1:8080 10.0.0.2:8080"),
    // Weight 0 is as good as not there, also as a stopgap.
    row("random", "10.0.0.1*0 10.0.0.2", "10.0.0.2:8080"),
    row("random", "10.0.0.1*0 10.0.0.2*0", "refuse"),
    row("random", "10.0.0.1*0 10.0.0.2~", "10.0.0.2:8080"),
    row("random", "10.0.0.1 10.0.0.2~*0", "10.0.0.1:8080"),
    row("primary-backup", "10.0.0.2 10.0.0.1 10.0.0.3", "10.0.0.1:8080"),
    row("primary-backup", "10.0.0.1 10.0.0.2*5 10.0.0.3*5", "10.0.0.2:8080"),
    row("primary-backup", "10.0.0.1 10.0.0.2*5! 10.0.0.3*0", "10.0.0.1:8080"),
    row("primary-backup", "10.0.0.1! 10.0.0.2~", "10.0.0.2:8080"),
    row("primary-backup", "10.0.0.1!", "refuse"),
    [
      balanced("primary-backup", ", externalIPs: [192.0.2.9], externalTrafficPolicy: Local"),
      "10.0.0.1@n2 10.0.0.2@n1 10.0.0.3@n1*2",
      ["ClusterIP 10.96.0.1 80/TCP -> 10.0.0.3:8080@", "ExternalIP 192.0.2.9 80/TCP -> 10.0.0.3:8080@"],
    ],
    [
      balanced("primary-backup", ", internalTrafficPolicy: Local"),
      "10.0.0.1@n2 10.0.0.2@n1",
      ["ClusterIP 10.96.0.1 80/TCP -> 10.0.0.2:8080@"],
    ],
  ]);
});

test("one endpoint in two slices counts once, in its better state, whichever slice is first", () => {
  const pairs: [a: string, b: string, backends: string][] = [
    ["10.0.0.1!", "10.0.0.1", "10.0.0.1:8080"],
    ["10.0.0.1@n1", "10.0.0.1", "10.0.0.1:8080@"],
    ["10.0.0.1*3", "10.0.0.1", "10.0.0.1:8080*3"],
    ["10.0.0.1*0", "10.0.0.1", "10.0.0.1:8080"],
    ["10.0.0.1+a 10.0.0.2+b", "10.0.0.1", "10.0.0.1:8080"],
  ];
  for (const [a, b, backends] of pairs)
    for (const slices of [
      [a, b],
      [b, a],
    ])
      assert.deepEqual(
        portsOf(
          "",
          slices.map((text) => sliceOf(text)),
        ).map(portText),
        [`ClusterIP 10.96.0.1 80/TCP -> ${backends}`],
      );
});

const anEndpoint = fc
  .record({
    address: fc.nat(5).map((n) => `10.0.0.${n + 1}`),
    state: fc.constantFrom("", "", "!", "~", "~!"),
    node: fc.constantFrom("", "@n1", "@n2"),
    zone: fc.constantFrom("", "+a", "+b"),
    forNode: fc.constantFrom("", "%n1", "%n2"),
    weight: fc.constantFrom("", "", "*0", "*1", "*7"),
  })
  .map((parts) => Object.values(parts).join(""));

const aSlice = fc.uniqueArray(anEndpoint, { maxLength: 5, selector: (text) => text.slice(0, 8) });

const aService = fc
  .record({
    internal: fc.constantFrom("Cluster", "Local"),
    external: fc.constantFrom("Cluster", "Local"),
    balance: fc.constantFrom("random", "round-robin", "source-hash", "primary-backup"),
  })
  .map(
    ({ internal, external, balance }) =>
      `${everywhere(`internalTrafficPolicy: ${internal}\n  externalTrafficPolicy: ${external}`)}
metadata: { annotations: { fairlead.dev/balance: ${balance} } }`,
  );

test("whatever a Service says, its backends are endpoints that may serve, in order and once each", () => {
  fc.assert(
    fc.property(aService, fc.array(aSlice, { maxLength: 3 }), (yaml, texts) => {
      const all = texts.flat();
      const mayServe = (address: string) =>
        all.some((text) => text.startsWith(address) && !text.includes("!") && !text.includes("*0"));
      for (const port of portsOf(
        yaml,
        texts.map((endpoints) => sliceOf(endpoints.join(" "))),
      ))
        for (const { backends, whenEmpty } of [port, port.external ?? { backends: [] }]) {
          const addresses = backends.map(({ address }) => address);
          assert.deepEqual(addresses, Array.from(new Set(addresses)).sort());
          for (const address of addresses) assert.ok(mayServe(address), `${address} of ${all.join(" ")}`);
          assert.ok(backends.every(({ weight = 1 }) => weight > 0));
          if (whenEmpty === "drop") assert.ok(all.some((text) => mayServe(text.replace(/[^\d.].*/, ""))));
        }
    }),
    { numRuns: 500 },
  );
});
