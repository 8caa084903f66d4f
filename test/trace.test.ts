/** `fairlead trace` on a node with a real kernel: what it says of a client is what the client then meets. Needs root. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { endpointSliceKind } from "../src/api/endpointslice/kind.ts";
import { serviceKind } from "../src/api/service/kind.ts";
import { createHttpClient } from "../src/client/http.ts";
import { loadKubeconfig } from "../src/client/kubeconfig.ts";
import { fairleadUp, runFairlead } from "./lab/fairlead.ts";
import { needsNetns, testNetns } from "./lab/netns.ts";
import type { LabHost } from "./lab/nftables-lab.ts";
import { nftablesLab } from "./lab/nftables-lab.ts";

const DEADLINE = 10_000;
const CLUSTER_IP = "10.96.0.10";
const NODE_PORT = 30_080;

/** Connects until somebody answers: the service is programmed a moment after it was made. */
async function connected(client: LabHost): Promise<string> {
  for (const end = Date.now() + DEADLINE; ;) {
    const { from } = await client.connect({ host: CLUSTER_IP, port: 80, timeout: 500 });
    if (/^b\d$/.test(from)) return from;
    assert.ok(Date.now() < end, `no endpoint answers, but ${from}`);
    await delay(20);
  }
}

test("a trace follows the kernel's own rules and maps", { skip: needsNetns() }, async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), "fairlead-trace-"));
  t.after(() => rmSync(dataDir, { recursive: true, force: true }));
  await using lab = await nftablesLab(2);
  const netns = lab.node.netns;
  const quiet = ["--containers", "none", "--dataplane", "nftables", "--bind", "127.0.0.1:0"];
  const where = ["--netns", netns, "--service-cidr", "10.96.0.0/16", "--node-name", "n1"];
  const kubeconfig = join(dataDir, "config");
  await using _up = await fairleadUp(["--data-dir", dataDir, "--kubeconfig", kubeconfig, ...quiet, ...where]);
  using client = createHttpClient(await loadKubeconfig({ path: kubeconfig }));
  await client.create(serviceKind, {
    metadata: { name: "web", namespace: "default" },
    spec: {
      type: "NodePort",
      clusterIP: CLUSTER_IP,
      sessionAffinity: "ClientIP",
      ports: [{ name: "http", port: 80, nodePort: NODE_PORT, protocol: "TCP" }],
    },
  });
  await client.create(endpointSliceKind, {
    metadata: { name: "web-1", namespace: "default", labels: { "kubernetes.io/service-name": "web" } },
    addressType: "IPv4",
    ports: [{ name: "http", port: 80, protocol: "TCP" }],
    endpoints: lab.backends.map(({ address4 }) => ({ addresses: [address4], nodeName: "n1" })),
  });
  const trace = async (...args: string[]): Promise<string> => {
    const all = ["trace", "--kubeconfig", kubeconfig, "--netns", netns, ...args];
    const { code, stdout, stderr } = await runFairlead(all);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const from = ["--from", lab.client.address4];
  const endpoint = lab.backends[Number((await connected(lab.client)).slice(1)) - 1]!;

  await t.test("who keeps an endpoint is told for how long", async () => {
    const [first, second, third] = (await trace("default/web:80", ...from)).split("\n");
    assert.equal(first, `${CLUSTER_IP}:80/TCP is port http of Service default/web.`);
    assert.match(
      second!,
      new RegExp(
        `^192\\.0\\.2\\.2 keeps ${endpoint.address4}:80 for another 2 h 59 min \\(session affinity\\)\\.$`,
      ),
    );
    assert.equal(third, "Each new connection makes that 3 h again.");
  });

  await t.test(
    "a Service's name stands for all its addresses; what the rules do is in JSON too",
    async () => {
      const facts = JSON.parse(await trace("web", ...from, "--json")) as Record<string, unknown>[];
      const seen = facts.map(({ target, type, fate, source }) => [target, type, fate, source]);
      // In whatever order.
      assert.deepEqual(
        new Set(seen.map(String)),
        new Set([
          `${CLUSTER_IP}:80/TCP,ClusterIP,balanced,kernel`,
          `192.0.2.1:${NODE_PORT}/TCP,NodePort,balanced,kernel`,
        ]),
      );
    },
  );

  await t.test("what a client is not given, and why", async () => {
    const text = await trace(`${CLUSTER_IP}:81`, ...from);
    assert.match(text, /which serves 80\/TCP there and not 81\/TCP: refused with a TCP reset, at once\.$/m);
    const { from: answer } = await lab.client.connect({ host: CLUSTER_IP, port: 81 });
    assert.equal(answer, "ECONNREFUSED");
  });
});

test(
  "a trace on a host that nothing but our own route leads to Services",
  { skip: needsNetns() },
  async (t) => {
    const dataDir = mkdtempSync(join(tmpdir(), "fairlead-trace-"));
    t.after(() => rmSync(dataDir, { recursive: true, force: true }));
    using host = testNetns("trace");
    const inside = ["-n", host.name];
    for (const words of [
      "link set lo up",
      "link add v0 type veth peer name v1",
      "addr add 10.9.0.1/24 dev v0",
      "addr add fd09::1/64 dev v0 nodad",
      "link set v0 up",
      "link set v1 up",
    ])
      execFileSync("ip", [...inside, ...words.split(" ")]);
    const kubeconfig = join(dataDir, "config");
    await using _up = await fairleadUp(
      [
        "--data-dir",
        dataDir,
        "--kubeconfig",
        kubeconfig,
        "--bind",
        "127.0.0.1:0",
        "--netns",
        host.name,
      ].concat(
        ["--containers", "none", "--dataplane", "nftables", "--service-cidr", "10.96.0.0/16,fd00:96::/112"],
        ["--node-ip", "127.0.0.1", "--node-name", "n1"],
      ),
    );
    using client = createHttpClient(await loadKubeconfig({ path: kubeconfig }));
    const endpoints = { IPv4: "10.9.0.1", IPv6: "fd09::1" } as const;
    const service = await client.create(serviceKind, {
      metadata: { name: "web", namespace: "default" },
      spec: {
        type: "NodePort",
        ipFamilyPolicy: "RequireDualStack",
        ports: [{ name: "http", port: 80, nodePort: NODE_PORT, protocol: "TCP" }],
      },
    });
    for (const [addressType, address] of Object.entries(endpoints) as ["IPv4" | "IPv6", string][])
      await client.create(endpointSliceKind, {
        metadata: {
          name: `web-${addressType.toLowerCase()}`,
          namespace: "default",
          labels: { "kubernetes.io/service-name": "web" },
        },
        addressType,
        ports: [{ name: "http", port: 80, protocol: "TCP" }],
        endpoints: [{ addresses: [address], nodeName: "n1" }],
      });
    const trace = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await runFairlead(["trace", "--kubeconfig", kubeconfig, ...args]);
      assert.equal(code, 0, stderr);
      return stdout;
    };
    const [four = "", six = ""] = service.spec?.clusterIPs ?? [];
    const here = ["--netns", host.name];
    for (const [target, endpoint] of [
      [`${four}:80`, "10.9.0.1:80"],
      [`[${six}]:80`, "[fd09::1]:80"],
    ] as const) {
      const expected = `1 endpoint is ready: every new connection goes to ${endpoint}.`;
      for (const end = Date.now() + DEADLINE; ;) {
        const text = await trace(target, ...here);
        if (text.includes(expected)) break;
        // The rules follow the Services a moment later; until then a trace says so.
        if (Date.now() > end) assert.fail(text);
      }
    }
    // Where a route leads decides what a process sends from: with node ports it may be 127.0.0.1. Hashes are of that.
    const [route] = JSON.parse(
      execFileSync("ip", ["-j", ...inside, "route", "get", four], { encoding: "utf8" }),
    );
    const facts = JSON.parse(await trace(`${four}:80`, "--json", ...here)) as { client: { address: string } };
    assert.equal(facts.client.address, (route as { prefsrc: string }).prefsrc);
    // Its Node's only address is a loopback address, so the node is this machine.
    assert.doesNotMatch(await trace(`${four}:80`), /run as root/);
    assert.match(
      await trace("203.0.113.1:80", ...here),
      /does not take the packet so far \(no route to 203\.0\.113\.1\)/,
    );
    assert.match(
      await trace(`[::1]:${NODE_PORT}`, ...here),
      /is the node port of Service default\/web\. .* fairlead listens/,
    );
    const { code, stderr } = await runFairlead([
      "trace",
      "--kubeconfig",
      kubeconfig,
      "web",
      "--udp",
      ...here,
    ]);
    assert.equal(code, 1);
    assert.match(stderr, /Service default\/web has no such port; it has http\/TCP/);
  },
);
