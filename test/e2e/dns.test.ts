/**
 * Upstream: test/e2e/network/dns.go, with dig and getent inside pods on both nodes, whose agents serve the cluster's DNS.
 *
 * Upstream's probes ask each name over UDP and TCP and want some answer; ours want the right one.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { V1EndpointSlice, V1Service } from "@kubernetes/client-node";
import { eventually } from "../lab/eventually.ts";
import type { Wire } from "../conformance/resource.ts";
import { type LabCluster, type LabNode, startCluster } from "../lab/cluster.ts";
import type { ClusterPods, LabPod, PodWishes } from "../lab/cluster-pods.ts";
import { needsPrograms } from "../lab/dns.ts";
import { needsNetns } from "../lab/netns.ts";

const skip = needsNetns() || needsPrograms("dig", "getent", "unbound");
const cluster: LabCluster = skip === false ? await startCluster({ dns: true }) : undefined!;

/** validateDNSResults waits for ten minutes. */
const RESULTS_TIMEOUT = 600_000;
const DOMAIN = "cluster.local";
const HOSTNAME = "dns-querier-1";
const SERVICE = "dns-test-service";
const REGULAR = "test-service-2";
/** Services of the test of scale: a tenth of upstream's 10,000, for the time that they take. */
const SCALE = 1000;
const LABELS = { "dns-test": "true" };

/** A pod on each node, to ask from: upstream's createDNSPod. Its host name has the node's number. */
function queriers(ns: ClusterPods, wishes: Partial<PodWishes> = {}): Promise<LabPod[]> {
  return Promise.all(
    cluster.nodes.map((node, i) =>
      ns.pause({
        name: `dns-test-${i + 1}`,
        node,
        ...wishes,
        spec: { hostname: `dns-querier-${i + 1}`, subdomain: SERVICE, ...wishes.spec },
      }),
    ),
  );
}

/** What dig says to these words in a pod, sorted: of records only name, type and data. Fails as dig does: nobody answered. */
async function dig(ns: ClusterPods, pod: LabPod, ...words: readonly string[]): Promise<string[]> {
  const text = await ns.exec(pod, "dig", "+tries=1", "+time=5", ...words);
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith(";"))
    .map((line) => line.replace(/\s+\d+\s+IN\s+/, " ").replaceAll(/\s+/g, " "))
    .sort();
}

/** The probes of createProbeCommand: by UDP and TCP, with the search list, SRV for names of ports. */
async function expectAnswers(
  ns: ClusterPods,
  pods: readonly LabPod[],
  table: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  const ask = async (
    pod: LabPod,
    way: string,
    question: string,
    wanted: readonly string[],
  ): Promise<void> => {
    const words = /^_|^-x/.test(question) ? question.replace(/^_.*/, "$& SRV") : `${question} A`;
    let last: readonly string[] = [];
    await eventually(`${way} ${question} in ${pod.name}`, RESULTS_TIMEOUT, async () => {
      last = await dig(ns, pod, way, "+noall", "+answer", "+search", ...words.split(" "));
      return last.length > 0 ? true : undefined;
    });
    assert.deepEqual(last, wanted.toSorted(), `${way} ${words} in ${pod.name}`);
  };
  await Promise.all(
    pods.flatMap((pod) =>
      Object.entries(table).flatMap(([question, wanted]) =>
        ["+notcp", "+tcp"].map((way) => ask(pod, way, question, wanted)),
      ),
    ),
  );
}

/** The probes of host names: `getent hosts`, which reads /etc/hosts before it asks. */
async function expectHostEntries(ns: ClusterPods, pods: readonly LabPod[], service: string): Promise<void> {
  for (const pod of pods) {
    const { hostname } = (await ns.pods.get(pod.name)).spec!;
    const fqdn = `${hostname}.${service}.${ns.namespace}.svc.${DOMAIN}`;
    for (const entry of [fqdn, hostname!])
      for (const database of ["ahostsv4", "ahostsv6"]) {
        const [address] = (await ns.exec(pod, "getent", database, entry)).split(/\s/);
        assert.ok(pod.ips.includes(address!), `${entry} is ${address} in ${pod.name}`);
      }
    assert.equal((await ns.exec(pod, "hostname")).trim(), hostname);
  }
}

const KUBERNETES = [`kubernetes.default.svc.${DOMAIN}. A 10.96.0.1`];

async function createServices(ns: ClusterPods, count: number): Promise<Wire<V1Service>[]> {
  const made: Wire<V1Service>[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) made.push(await ns.service(`svc-${next++}`, { ports: [{ port: 80 }] }));
  };
  await Promise.all(Array.from({ length: 16 }, work));
  return made;
}

test("[sig-network] DNS should provide DNS for the cluster [Conformance]", { skip }, async (t) => {
  const ns = await cluster.namespace(t, "dns");
  await expectAnswers(ns, await queriers(ns), { [`kubernetes.default.svc.${DOMAIN}`]: KUBERNETES });
});

test(
  "[sig-network] DNS should resolve DNS of partial qualified names for the cluster [LinuxOnly]",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "dns");
    const pods = await queriers(ns);
    await expectAnswers(ns, pods, {
      "kubernetes.default": KUBERNETES,
      "kubernetes.default.svc": KUBERNETES,
    });
    await expectHostEntries(ns, pods, SERVICE);
  },
);

test(
  "[sig-network] DNS should provide /etc/hosts entries for the cluster [Conformance]",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "dns");
    const pods = await queriers(ns);
    // Not from DNS: there is no such Service.
    await expectHostEntries(ns, pods, SERVICE);
    for (const pod of pods) assert.match(await ns.exec(pod, "cat", "/etc/hosts"), /^# Kubernetes-managed/);
  },
);

interface TwoServices {
  readonly pods: readonly LabPod[];
  readonly clusterIP: string;
  /** What the names of both are answered with. */
  readonly headlessA: readonly string[];
  readonly headlessSrv: readonly string[];
  readonly regularSrv: readonly string[];
}

/** A headless and a usual Service of the pods that ask. */
async function twoServices(ns: ClusterPods, spec: object = {}): Promise<TwoServices> {
  const ports = [{ name: "http", port: 80, protocol: "TCP" }];
  await ns.service(SERVICE, { clusterIP: "None", selector: LABELS, ports });
  const regular = await ns.service(REGULAR, { selector: LABELS, ports });
  const pods = await queriers(ns, { labels: LABELS, spec });
  const headless = `${SERVICE}.${ns.namespace}.svc.${DOMAIN}.`;
  const full = `${REGULAR}.${ns.namespace}.svc.${DOMAIN}.`;
  await untilEndpoints(ns, SERVICE, pods.length);
  return {
    pods,
    clusterIP: regular.spec!.clusterIP!,
    headlessA: pods.map(({ ip }) => `${headless} A ${ip}`),
    headlessSrv: pods.map((_, i) => `_http._tcp.${headless} SRV 0 100 80 dns-querier-${i + 1}.${headless}`),
    regularSrv: [`_http._tcp.${full} SRV 0 100 80 ${full}`],
  };
}

async function untilEndpoints(ns: ClusterPods, service: string, count: number): Promise<void> {
  const slices = ns.api.of<V1EndpointSlice>("discovery.k8s.io/v1", "endpointslices", ns.namespace);
  const labelSelector = `kubernetes.io/service-name=${service}`;
  await eventually(`${count} endpoints of ${service}`, RESULTS_TIMEOUT, async () => {
    const { items } = await slices.list({ labelSelector });
    const ready = items
      .flatMap(({ endpoints }) => endpoints ?? [])
      .filter(({ conditions }) => conditions?.ready === true);
    return ready.length === count ? true : undefined;
  });
}

function partialNames(
  ns: ClusterPods,
  { clusterIP, headlessA, headlessSrv, regularSrv }: TwoServices,
): Record<string, readonly string[]> {
  const { namespace } = ns;
  const reverse = clusterIP.split(".").reverse().join(".");
  return {
    [SERVICE]: headlessA,
    [`${SERVICE}.${namespace}`]: headlessA,
    [`${SERVICE}.${namespace}.svc`]: headlessA,
    [`_http._tcp.${SERVICE}.${namespace}.svc`]: headlessSrv,
    [`_http._tcp.${REGULAR}.${namespace}.svc`]: regularSrv,
    [`-x ${clusterIP}`]: [`${reverse}.in-addr.arpa. PTR ${REGULAR}.${namespace}.svc.${DOMAIN}.`],
  };
}

test("[sig-network] DNS should provide DNS for services [Conformance]", { skip }, async (t) => {
  const ns = await cluster.namespace(t, "dns");
  const two = await twoServices(ns);
  const at = (service: string): string => `${service}.${ns.namespace}.svc.${DOMAIN}`;
  await expectAnswers(ns, two.pods, {
    [at(SERVICE)]: two.headlessA,
    [`_http._tcp.${at(SERVICE)}`]: two.headlessSrv,
    [`_http._tcp.${at(REGULAR)}`]: two.regularSrv,
    [`-x ${two.clusterIP}`]: partialNames(ns, two)[`-x ${two.clusterIP}`]!,
  });
});

test(
  "[sig-network] DNS should resolve DNS of partial qualified names for services [LinuxOnly] [Conformance]",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "dns");
    const two = await twoServices(ns);
    await expectAnswers(ns, two.pods, partialNames(ns, two));
  },
);

/** A headless Service, and pods with host names in it. */
async function hostnameService(ns: ClusterPods): Promise<LabPod[]> {
  const labels = { "dns-test-hostname-attribute": "true" };
  const ports = [{ name: "http", port: 80, protocol: "TCP" }];
  await ns.service("dns-test-service-2", { clusterIP: "None", selector: labels, ports });
  const pods = await queriers(ns, { labels, spec: { subdomain: "dns-test-service-2" } });
  await untilEndpoints(ns, "dns-test-service-2", pods.length);
  return pods;
}

test("[sig-network] DNS should provide DNS for pods for Hostname [Conformance]", { skip }, async (t) => {
  const ns = await cluster.namespace(t, "dns");
  const pods = await hostnameService(ns);
  await expectHostEntries(ns, pods, "dns-test-service-2");
  // Of the other pod only DNS knows.
  const [one, two] = pods as [LabPod, LabPod];
  const name = `dns-querier-2.dns-test-service-2.${ns.namespace}.svc.${DOMAIN}`;
  assert.match(await ns.exec(one, "getent", "ahostsv4", name), new RegExp(`^${two.ip}\\s`));
});

test("[sig-network] DNS should provide DNS for pods for Subdomain [Conformance]", { skip }, async (t) => {
  const ns = await cluster.namespace(t, "dns");
  const pods = await hostnameService(ns);
  const subdomain = `dns-test-service-2.${ns.namespace}.svc.${DOMAIN}`;
  await expectAnswers(ns, pods, {
    [`dns-querier-1.${subdomain}`]: [`dns-querier-1.${subdomain}. A ${pods[0]!.ip}`],
    [`dns-querier-2.${subdomain}`]: [`dns-querier-2.${subdomain}. A ${pods[1]!.ip}`],
    [subdomain]: pods.map(({ ip }) => `${subdomain}. A ${ip}`),
  });
});

test("[sig-network] DNS should provide DNS for ExternalName services [Conformance]", { skip }, async (t) => {
  const ns = await cluster.namespace(t, "dns");
  const name = "dns-test-service-3";
  await ns.service(name, { type: "ExternalName", externalName: "foo.example.com" });
  const fqdn = `${name}.${ns.namespace}.svc.${DOMAIN}`;
  const pods = await queriers(ns);
  // validateTargetedProbeOutput: every pod sees it in the end. An answer may be kept for the TTL by nobody here.
  const expectTargeted = async (type: string, wanted: string): Promise<void> => {
    for (const pod of pods)
      await eventually(`${type} ${fqdn} is ${wanted} in ${pod.name}`, RESULTS_TIMEOUT, async () => {
        const said = await dig(ns, pod, "+short", "+norecurse", fqdn, type);
        return said.join() === wanted ? true : undefined;
      });
  };
  await expectTargeted("CNAME", "foo.example.com.");
  await ns.services.change(name, ({ spec }) => void (spec!.externalName = "bar.example.com"));
  await expectTargeted("CNAME", "bar.example.com.");
  const { spec } = await ns.services.change(name, (service) => {
    service.spec!.type = "ClusterIP";
    service.spec!.ports = [{ name: "http", port: 80, protocol: "TCP" }];
  });
  await expectTargeted("A", spec!.clusterIP!);
});

test(
  "[sig-network] DNS should support configurable pod DNS nameservers [Conformance]",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "dns");
    const dnsConfig = { nameservers: ["1.1.1.1"], searches: ["resolv.conf.local"] };
    const pod = await ns.pause({ name: "test-dns-nameservers", spec: { dnsPolicy: "None", dnsConfig } });
    assert.deepEqual((await ns.exec(pod, "cat", "/etc/resolv.conf")).trim().split("\n"), [
      "search resolv.conf.local",
      "nameserver 1.1.1.1",
    ]);
  },
);

/** Upstream runs CoreDNS in the pod. */
test("[sig-network] DNS should support configurable pod resolv.conf", { skip }, async (t) => {
  const ns = await cluster.namespace(t, "dns");
  const directory = mkdtempSync(join(tmpdir(), "fairlead-e2e-dns-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, "unbound.conf");
  const local = [
    'local-zone: "resolv.conf.local." static',
    'local-data: "notexistname.resolv.conf.local. A 1.1.1.1"',
  ];
  const rights = ['username: ""', 'chroot: ""', 'pidfile: ""', "use-syslog: no", "do-daemonize: no"];
  const open = ["interface: 0.0.0.0", "access-control: 0.0.0.0/0 allow"];
  writeFileSync(file, `server:\n${[...rights, ...open, ...local].map((line) => `  ${line}\n`).join("")}`);
  const server = await ns.pause({
    name: "e2e-configmap-dns-server",
    node: cluster.nodes[0]!,
    container: { command: ["unbound", "-d", "-c", file] },
  });
  const pod = await ns.pause({
    name: "e2e-dns-utils",
    node: cluster.nodes[1]!,
    spec: {
      dnsPolicy: "None",
      dnsConfig: {
        nameservers: [server.ip],
        searches: ["resolv.conf.local"],
        options: [{ name: "ndots", value: "2" }],
      },
    },
  });
  assert.match(await ns.exec(pod, "cat", "/etc/resolv.conf"), /ndots:2/);
  await eventually("the pod asks the server that it was given", 3 * 60_000, async () => {
    const said = await dig(ns, pod, "+short", "+search", "notexistname").catch(() => []);
    return said.join() === "1.1.1.1" ? true : undefined;
  });
});

for (const [what, searches, options] of [
  [
    "the pod containing more than 6 DNS search paths and longer than 256 search list characters",
    Array.from({ length: 6 }, (_, i) => `${String(i + 1).padStart(38, "0")}.k8s.io`),
    [{ name: "ndots", value: "5" }],
  ],
  [
    "a search path containing an underscore and a search path with a single dot",
    [".", "_sip._tcp.abc_d.example.com"],
    [],
  ],
] as const)
  test(`[sig-network] DNS should work with ${what}`, { skip }, async (t) => {
    const ns = await cluster.namespace(t, "dns");
    const pods = await queriers(ns, {
      spec: { dnsPolicy: "ClusterFirst", dnsConfig: { searches, options } },
    });
    for (const pod of pods) {
      const text = await ns.exec(pod, "cat", "/etc/resolv.conf");
      const [, said = ""] = /^search (.*)$/m.exec(text)!;
      for (const path of searches) assert.ok(said.split(" ").includes(path), text);
    }
    await expectAnswers(ns, pods, {
      "kubernetes.default": KUBERNETES,
      "kubernetes.default.svc": KUBERNETES,
    });
    await expectHostEntries(ns, pods, SERVICE);
  });

test(
  "[sig-network] DNS HostNetwork should resolve DNS of partial qualified names for services on hostNetwork pods with dnsPolicy: ClusterFirstWithHostNet [LinuxOnly]",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "hostnetworkdns");
    const two = await twoServices(ns, { hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" });
    assert.deepEqual(
      two.pods.map(({ ip }) => ip),
      cluster.nodes.map(({ host }) => host.address4),
    );
    await expectAnswers(ns, two.pods, partialNames(ns, two));
  },
);

test(
  "[sig-network] DNS HostNetwork spec.Hostname field is not silently ignored and is used for hostname for a Pod",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "hostnetworkdns");
    const pod = await ns.pause({ name: "test-dns-hostname", spec: { hostname: HOSTNAME } });
    assert.equal((await ns.exec(pod, "hostname")).trim(), HOSTNAME);
  },
);

test(
  "[sig-network] DNS HostNetwork spec.Hostname field is silently ignored and the node hostname is used when hostNetwork is set to true for a Pod",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "hostnetworkdns");
    const spec = { hostname: HOSTNAME, hostNetwork: true };
    const pod = await ns.pause({ name: "test-dns-hostnetwork", spec });
    assert.notEqual((await ns.exec(pod, "hostname")).trim(), HOSTNAME);
  },
);

/** Upstream: dns_scale_records.go. A twentieth of the Services is asked for. */
test(
  "[sig-network] [Feature:PerformanceDNS] Should answer DNS query for maximum number of services per cluster",
  { skip },
  async (t) => {
    const ns = await cluster.namespace(t, "performancedns");
    const pods = await queriers(ns);
    const services = await createServices(ns, SCALE);
    const asked = services.filter((_, i) => i % 20 === 0);
    const table = asked.map(({ metadata, spec }) => {
      const name = `${metadata!.name}.${ns.namespace}.svc.${DOMAIN}`;
      return [name, `${name}. A ${spec!.clusterIP}`] as const;
    });
    for (const pod of pods) {
      const words = table.flatMap(([name]) => [name, "A"]);
      const said = await dig(ns, pod, "+noall", "+answer", ...words);
      assert.deepEqual(said, table.map(([, record]) => record).sort());
    }
  },
);

/** Not upstream's: who answers whom, when each node has a server. */
test("pods ask the server of their own node, even when the other node's is gone", { skip }, async (t) => {
  const ns = await cluster.namespace(t, "dns");
  const [node1, node2] = cluster.nodes as [LabNode, LabNode];
  const [pod] = await queriers(ns);
  const slices = ns.api.of<V1EndpointSlice>("discovery.k8s.io/v1", "endpointslices", "kube-system");
  const { items } = await slices.list({ labelSelector: "kubernetes.io/service-name=kube-dns" });
  const seen = items.map(({ addressType, endpoints }) => [addressType, endpoints![0]!.nodeName].join(" "));
  assert.deepEqual(seen.sort(), [
    `IPv4 ${node1.name}`,
    `IPv4 ${node2.name}`,
    `IPv6 ${node1.name}`,
    `IPv6 ${node2.name}`,
  ]);
  await node2.stop();
  try {
    for (let i = 0; i < 20; i++)
      assert.deepEqual(await dig(ns, pod!, "+short", "+search", "kubernetes.default"), ["10.96.0.1"]);
  } finally {
    await node2.start();
  }
});
