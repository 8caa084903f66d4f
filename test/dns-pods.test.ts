/**
 * `fairlead up` in a network namespace, with a pod that is a process in its own: what the pod gets from 10.96.0.10, how
 * fast that follows a write, and what strangers get.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { serviceKind } from "../src/api/service/kind.ts";
import type { Service } from "../src/api/service/type.ts";
import { createPodsApi } from "./lab/dns-pods.ts";
import { needsPrograms } from "./lab/dns.ts";
import { fairleadUp } from "./lab/fairlead.ts";
import { needsNetns, testNetns } from "./lab/netns.ts";

const run = promisify(execFile);
const skip = needsNetns() || needsPrograms("dig", "ip");

function namespaceOf(pod: string, uid: string): string {
  return `fairlead-${pod}-${uid.slice(0, 8)}`;
}

test(
  "a pod asks 10.96.0.10 for Services, endpoints, ports, addresses and other names",
  { skip },
  async (t) => {
    using node = testNetns("dns");
    const dataDir = mkdtempSync(join(tmpdir(), "fairlead-dns-"));
    t.after(() => rmSync(dataDir, { recursive: true, force: true }));
    const where = [
      "--data-dir",
      dataDir,
      "--bind",
      "127.0.0.1:0",
      "--netns",
      node.name,
      "--node-name",
      "node-1",
    ];
    const what = ["--containers", "process", "--dataplane", "nftables", "--cleanup"];
    await using up = await fairleadUp([...where, ...what]);
    assert.match(up.stdout(), /DNS +10\.96\.0\.10, served at 10\.244\.0\.1:\d+; names end in cluster\.local/);
    using api = await createPodsApi(join(dataDir, "kubeconfig"));
    const { client } = api;
    const pod = await api.runPod("asker", { app: "asker" });
    const inside = namespaceOf("asker", pod.uid);
    const dig = async (...words: string[]): Promise<string[]> => {
      const args = ["netns", "exec", inside, "dig", "+short", "+tries=1", "+time=3", "@10.96.0.10", ...words];
      const { stdout } = await run("ip", args);
      return stdout.trimEnd().split("\n");
    };
    const service = (name: string, spec: Service["spec"]): Promise<Service> =>
      client.create(serviceKind, { metadata: { namespace: "default", name }, spec: spec! });

    for (const way of ["+notcp", "+tcp"])
      assert.deepEqual(await dig(way, "kubernetes.default.svc.cluster.local"), ["10.96.0.1"], way);
    assert.deepEqual(await dig("-x", "10.96.0.1"), ["kubernetes.default.svc.cluster.local."]);
    assert.deepEqual(await dig("_https._tcp.kubernetes.default.svc.cluster.local", "SRV"), [
      "0 100 443 kubernetes.default.svc.cluster.local.",
    ]);
    assert.deepEqual(await dig("_dns._udp.kube-dns.kube-system.svc.cluster.local", "SRV"), [
      "0 100 53 kube-dns.kube-system.svc.cluster.local.",
    ]);

    const ports = [{ name: "http", port: 80 }];
    await service("headless", { clusterIP: "None", selector: { app: "asker" }, ports });
    await service("outside", { type: "ExternalName", externalName: "headless.default.svc.cluster.local" });
    await api.untilEndpoints("headless", 1);
    const headless = "headless.default.svc.cluster.local";
    const dashed = pod.ip.replaceAll(".", "-");
    assert.deepEqual(await dig(headless), [pod.ip]);
    assert.deepEqual(await dig(`${dashed}.${headless}`), [pod.ip]);
    assert.deepEqual(await dig(`_http._tcp.${headless}`, "SRV"), [`0 100 80 ${dashed}.${headless}.`]);
    assert.deepEqual(await dig("-x", pod.ip), [`${dashed}.${headless}.`]);
    assert.deepEqual(await dig(`${dashed}.default.pod.cluster.local`), [pod.ip]);
    assert.deepEqual(await dig("outside.default.svc.cluster.local"), [`${headless}.`, pod.ip]);

    await t.test("a change shows in the next answer, and is gone as fast", async () => {
      const made = await service("fresh", { ports });
      assert.deepEqual(await dig("fresh.default.svc.cluster.local"), [made.spec?.clusterIP]);
      await client.delete(serviceKind, { namespace: "default", name: "fresh" });
      assert.deepEqual(await dig("fresh.default.svc.cluster.local"), [""]);
    });

    await t.test("the Service kube-dns comes back when somebody deletes or changes it", async () => {
      const kubeDns = { namespace: "kube-system", name: "kube-dns" };
      await client.delete(serviceKind, kubeDns);
      await api.until(
        async () => (await dig("kubernetes.default.svc.cluster.local").catch(() => []))[0] === "10.96.0.1",
      );
      const patch = { spec: { ports: [{ name: "dns", port: 53, protocol: "UDP", targetPort: 9 }] } };
      await client.patch(serviceKind, kubeDns, "merge", patch);
      await api.until(async () => (await client.get(serviceKind, kubeDns)).spec?.ports?.length === 2);
      await api.until(
        async () =>
          (await dig("+tcp", "kubernetes.default.svc.cluster.local").catch(() => []))[0] === "10.96.0.1",
      );
    });

    await t.test("nothing listens but at the pods' gateway", async () => {
      const { stdout } = await run("ip", ["netns", "exec", node.name, "cat", "/proc/net/udp"]);
      const sockets = stdout
        .trimEnd()
        .split("\n")
        .slice(1)
        .map((line) => line.trim().split(/\s+/)[1]!);
      // 10.244.0.1 in the byte order of the machine.
      for (const socket of sockets) assert.match(socket, /^0100F40A:/);
    });
  },
);
