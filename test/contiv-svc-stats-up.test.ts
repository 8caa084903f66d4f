/** /svcstats of a running `fairlead up`: what Contiv's users ask with curl, and what they are told where nobody counts. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { podKind } from "../src/api/pod/kind.ts";
import { ip } from "../src/base/ip.ts";
import { kubernetesName } from "../src/contiv/names.ts";
import type { ClientStats, SvcStatsByClient } from "../src/contiv/svc-stats-source.ts";
import { connectInNetns } from "../src/sys/netns-socket.ts";
import { readSysctl, writeSysctl } from "../src/sys/sysctl.ts";
import { createPodsApi } from "./lab/dns-pods.ts";
import { fairleadUp } from "./lab/fairlead.ts";
import { needsNetns, testNetns } from "./lab/netns.ts";

const skip = needsNetns();
const ANSWER_BYTES = 100_000;
/** Answers with so many bytes to whoever connects. */
const SERVER = `require("net").createServer((s) => s.on("error", () => {}).end("x".repeat(${ANSWER_BYTES}))).listen(8080)`;

/** `fairlead up` with netmaster's listener; its URL. `stack` ends it, before what it stands on. */
async function start(
  stack: AsyncDisposableStack,
  ...options: string[]
): Promise<{ dataDir: string; netmaster: string }> {
  const dataDir = mkdtempSync(join(tmpdir(), "fairlead-svc-stats-"));
  stack.defer(() => rmSync(dataDir, { recursive: true, force: true }));
  const where = ["--data-dir", dataDir, "--bind=127.0.0.1:0", "--netmaster=127.0.0.1:0", "--node-name=n1"];
  const up = stack.use(await fairleadUp([...where, ...options]));
  return { dataDir, netmaster: /^ {2}netmaster {3}(\S+),/m.exec(up.stdout())![1]! };
}

async function refused(netmaster: string): Promise<string> {
  const response = await fetch(`${netmaster}/svcstats`);
  assert.equal(response.status, 503);
  return ((await response.json()) as { error: string }).error;
}

test("the userspace data plane says who counts", async () => {
  await using stack = new AsyncDisposableStack();
  const { netmaster } = await start(stack, "--containers=none", "--dataplane=userspace");
  assert.equal(
    await refused(netmaster),
    "connections are counted where the data plane is nftables, and here it is not: start fairlead up with --dataplane nftables",
  );
});

test(
  "counts by the client, its tenant, the Service and the provider; without counters, what to do",
  { skip },
  async () => {
    await using stack = new AsyncDisposableStack();
    const node = stack.use(testNetns("svcstats"));
    writeSysctl("net/netfilter/nf_conntrack_acct", 0, node.name);
    const { dataDir, netmaster } = await start(
      stack,
      `--netns=${node.name}`,
      "--containers=process",
      "--dataplane=nftables",
      "--cleanup",
    );
    const post = async (path: string, body: object): Promise<unknown> => {
      const response = await fetch(`${netmaster}/api/v1/${path}/`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      assert.equal(response.status, 200);
      return response.json();
    };
    await post("tenants/Shop", {});
    await post("networks/Shop:vips", { subnet: "100.1.1.0/24", nwType: "infra" });
    const web = { networkName: "vips", selectors: ["app=web"], ports: ["80:8080:TCP", "443:8080:TCP"] };
    await post("serviceLBs/Shop:web", web);
    const inspected = (await (await fetch(`${netmaster}/api/v1/inspect/serviceLBs/Shop:web/`)).json()) as {
      Oper: { serviceVip: string };
    };
    const vip = inspected.Oper.serviceVip;

    using api = await createPodsApi(join(dataDir, "kubeconfig"));
    const namespace = kubernetesName("tenants", "Shop");
    const command = [process.execPath, "-e", SERVER];
    await api.client.create(podKind, {
      metadata: { namespace, name: "web-1", labels: { app: "web" } },
      spec: {
        containers: [
          {
            name: "web",
            image: "none",
            command,
            readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
          },
        ],
      },
    });
    const client = await api.runPod("client", {});
    const inside = `fairlead-client-${client.uid.slice(0, 8)}`;
    const fetchAll = async (port: number): Promise<number> => {
      let bytes = 0;
      const socket = await connectInNetns(inside, ip(vip), port, AbortSignal.timeout(5000));
      for await (const chunk of socket) bytes += (chunk as Buffer).length;
      return bytes;
    };
    await api.until(async () => (await fetchAll(80).catch(() => 0)) === ANSWER_BYTES);

    assert.equal(
      await refused(netmaster),
      "the kernel does not count packets and bytes of connections: net.netfilter.nf_conntrack_acct is 0: " +
        "sysctl -w net.netfilter.nf_conntrack_acct=1; connections that begin from then on are counted",
    );
    assert.equal(
      readSysctl("net/netfilter/nf_conntrack_acct", node.name),
      "0",
      "which is the host's own affair",
    );
    writeSysctl("net/netfilter/nf_conntrack_acct", 1, node.name);
    const before = new Date().toISOString();
    const ask = async (): Promise<{ since: string; mine: ClientStats | undefined }> => {
      const response = await fetch(`${netmaster}/svcstats`);
      assert.equal(response.status, 200);
      const stats = (await response.json()) as SvcStatsByClient;
      return { since: response.headers.get("x-counted-since")!, mine: stats[client.ip] };
    };
    const first = await ask();
    assert.ok(first.since >= before, first.since);
    assert.equal(await fetchAll(80), ANSWER_BYTES);
    assert.equal(await fetchAll(80), ANSWER_BYTES);
    assert.equal(await fetchAll(443), ANSWER_BYTES);
    const { since, mine } = await ask();
    assert.equal(since, first.since);
    assert.ok(mine !== undefined);
    const { EndpointIP, VrfName, SvcStats, CountedSince, PortStats } = mine;
    assert.deepEqual([EndpointIP, VrfName, CountedSince], [client.ip, "default", since]);
    assert.deepEqual(Object.keys(SvcStats), [vip]);
    const stats = SvcStats[vip]!;
    assert.deepEqual(
      [stats.ServiceIP, stats.ServiceVRF, stats.Protocol, stats.SvcPort, stats.ProvPort],
      [vip, "Shop", "TCP", "80", "8080"],
    );
    assert.deepEqual(stats.SvcStats, PortStats);
    const [provider, ...more] = Object.values(stats.ProvStats);
    assert.deepEqual(more, []);
    const { ProviderIP, ServiceIP, ServiceVrf, ...counts } = provider!;
    assert.deepEqual([ServiceIP, ServiceVrf], [vip, "Shop"]);
    assert.notEqual(ProviderIP, client.ip);
    assert.deepEqual(counts, stats.SvcStats);
    // What TCP adds: headers of 52 bytes and a few packets more.
    const near = (bytes: number, times: number): void =>
      assert.ok(bytes > times * ANSWER_BYTES && bytes < times * ANSWER_BYTES * 1.2, `${bytes} in ${times}`);
    near(counts.BytesOut, 3);
    assert.ok(counts.PacketsIn >= 9 && counts.BytesIn < (3 * ANSWER_BYTES) / 10, JSON.stringify(counts));
    assert.deepEqual(Object.keys(stats.Ports), ["80/TCP", "443/TCP"]);
    near(stats.Ports["80/TCP"]!.SvcStats.BytesOut, 2);
    near(stats.Ports["443/TCP"]!.SvcStats.BytesOut, 1);
  },
);
