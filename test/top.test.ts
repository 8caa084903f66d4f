/** `fairlead top` on a node with traffic: what it counts is what the client did. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { endpointSliceKind } from "../src/api/endpointslice/kind.ts";
import type { EndpointSlice } from "../src/api/endpointslice/type.ts";
import { serviceKind } from "../src/api/service/kind.ts";
import type { TopPort, TopReport } from "../src/cli/top/report.ts";
import { createHttpClient, type HttpClient } from "../src/client/http.ts";
import { loadKubeconfig } from "../src/client/kubeconfig.ts";
import { writeSysctl } from "../src/sys/sysctl.ts";
import { fairleadUp, runFairlead } from "./lab/fairlead.ts";
import { kubectl } from "./lab/kubectl.ts";
import { needsNetns } from "./lab/netns.ts";
import { type NftablesLab, nftablesLab } from "./lab/nftables-lab.ts";

interface Scene {
  readonly lab: NftablesLab;
  readonly client: HttpClient;
  readonly virtualIp: string;
  /** The arguments that every `fairlead top` here has. */
  readonly top: readonly string[];
  readonly setEndpoints: (backends: readonly number[]) => Promise<void>;
}

async function scene(t: TestContext): Promise<Scene> {
  const lab = await nftablesLab(2);
  t.after(() => lab[Symbol.asyncDispose]());
  const dataDir = mkdtempSync(join(tmpdir(), "fairlead-top-"));
  t.after(() => rmSync(dataDir, { recursive: true, force: true }));
  const netns = lab.node.netns;
  const where = `--data-dir ${dataDir} --netns ${netns} --bind 127.0.0.1:0`;
  const up = await fairleadUp(`${where} --containers none --dataplane nftables --node-name here`.split(" "));
  t.after(() => up[Symbol.asyncDispose]());
  const kubeconfig = join(dataDir, "kubeconfig");
  const client = createHttpClient(await loadKubeconfig({ path: kubeconfig }));
  t.after(() => client[Symbol.dispose]());
  const service = await client.create(serviceKind, {
    metadata: { namespace: "default", name: "web" },
    spec: { type: "NodePort", ports: [{ name: "http", port: 8080, targetPort: 80, nodePort: 30_080 }] },
  });
  await client.create(serviceKind, {
    metadata: { namespace: "default", name: "idle" },
    spec: { ports: [{ port: 8080 }] },
  });
  const slice = (backends: readonly number[]): EndpointSlice => ({
    metadata: { namespace: "default", name: "web-1", labels: { "kubernetes.io/service-name": "web" } },
    addressType: "IPv4",
    endpoints: backends.map((n) => ({
      addresses: [lab.backends[n]!.address4],
      nodeName: "here",
      targetRef: { kind: "Pod", name: `web-${n}` },
    })),
    ports: [{ name: "http", port: 80, protocol: "TCP" }],
  });
  const written = await client.create(endpointSliceKind, slice([0, 1]));
  const virtualIp = service.spec!.clusterIP!;
  const deadline = performance.now() + 10_000;
  while ((await lab.client.connect({ host: virtualIp, port: 8080 })).from.startsWith("E"))
    assert.ok(performance.now() < deadline, "the Service answers within 10 s");
  return {
    lab,
    client,
    virtualIp,
    top: ["top", "--kubeconfig", kubeconfig, "--netns", netns],
    async setEndpoints(backends) {
      const { metadata } = await client.get(
        endpointSliceKind,
        written.metadata as { namespace: string; name: string },
      );
      await client.update(endpointSliceKind, { ...slice(backends), metadata });
    },
  };
}

async function look(args: readonly string[]): Promise<TopReport> {
  const { code, stdout, stderr } = await runFairlead([...args, "--json", "--interval", "0.5"]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as TopReport;
}

function sum(report: TopReport, value: (port: TopPort) => number): number {
  return report.ports.reduce((all, port) => all + value(port), 0);
}

test(
  "top counts kept, new, closed and draining connections by endpoint",
  { skip: needsNetns() },
  async (t) => {
    const { lab, virtualIp, top, setEndpoints } = await scene(t);
    const virtual = { host: virtualIp, port: 8080 };
    const kept: string[] = [];
    for (let n = 0; n < 12; n++)
      kept.push(
        (await lab.client.open(n % 2 === 0 ? virtual : { host: lab.node.address4, port: 30_080 })).from,
      );
    const ofBackend = (n: number): number => kept.filter((from) => from === `b${n + 1}`).length;

    await t.test(
      "kept connections, through virtual IP and node port, at the endpoints that answered",
      async () => {
        const report = await look(top);
        const web = report.ports.find(({ service }) => service === "web");
        assert.equal(web!.port, "http");
        assert.deepEqual(
          web!.endpoints.map(({ address, pod, node, state, active }) => ({
            address,
            pod,
            node,
            state,
            active,
          })),
          [0, 1].map((n) => ({
            address: `${lab.backends[n]!.address4}:80`,
            pod: `web-${n}`,
            node: "here",
            state: "ready",
            active: ofBackend(n),
          })),
        );
        assert.equal(web!.active, 12);
        assert.ok(report.conntrack.entries >= 12 && report.conntrack.limit > report.conntrack.entries);
        assert.equal(report.hasCounters, false);
        assert.equal(web!.bytesPerSecond, undefined);
      },
    );

    await t.test("new and closed ones, while they come and go", async () => {
      const stop = new AbortController();
      let made = 0;
      const traffic = (async () => {
        while (!stop.signal.aborted) {
          await lab.client.connectMany({ ...virtual, count: 20 });
          made += 20;
        }
      })();
      const started = performance.now();
      const report = await look(top);
      stop.abort();
      await traffic;
      const rate = (1000 * made) / (performance.now() - started);
      const seen = sum(report, ({ openedPerSecond }) => openedPerSecond);
      assert.ok(
        seen > rate / 4 && seen < rate * 4,
        `${seen.toFixed(0)}/s seen, about ${rate.toFixed(0)}/s made`,
      );
      assert.ok(sum(report, ({ closedPerSecond }) => closedPerSecond) > seen / 2);
    });

    await t.test("an endpoint that is gone, as long as connections drain", async () => {
      await setEndpoints([1]);
      const report = await look([...top, "web", "-n", "default"]);
      assert.deepEqual(
        report.ports.map(({ service }) => service),
        ["web"],
      );
      const gone = report.ports[0]!.endpoints.find(({ state }) => state === "gone");
      assert.equal(gone?.active ?? 0, ofBackend(0));
      await setEndpoints([0, 1]);
    });

    await t.test("bytes, if the kernel counts them", async () => {
      writeSysctl("net/netfilter/nf_conntrack_acct", 1, lab.node.netns);
      await lab.client.open(virtual);
      const stop = new AbortController();
      const traffic = (async () => {
        while (!stop.signal.aborted) await lab.client.connectMany({ ...virtual, count: 20 });
      })();
      const report = await look(top);
      stop.abort();
      await traffic;
      writeSysctl("net/netfilter/nf_conntrack_acct", 0, lab.node.netns);
      assert.equal(report.hasCounters, true);
      assert.ok(sum(report, ({ bytesPerSecond }) => bytesPerSecond!) > 1000);
    });

    await t.test("the agent's metrics say the same", async () => {
      const text = await kubectl(top[top.indexOf("--kubeconfig") + 1]!, ["get", "--raw", "/metrics"]);
      const value = (metric: string): number =>
        Number(
          text
            .split("\n")
            .find((line) => line.startsWith(`fairlead_${metric} `))
            ?.split(" ")
            .at(-1),
        );
      assert.equal(
        value('service_connections{namespace="default",service="web",state="active"}'),
        13,
        text
          .split("\n")
          .filter((line) => line.includes("fairlead_service"))
          .join("\n"),
      );
      assert.ok(value("conntrack_entries") >= 13);
      assert.ok(value("conntrack_limit") > value("conntrack_entries"));
    });

    await t.test("the table says the same in words", async () => {
      const { stdout } = await runFairlead([...top, "--once", "--interval", "0.2"]);
      assert.match(stdout, /^3 Services: 13 connections, /);
      assert.match(stdout, /bytes are not counted: sysctl net\.netfilter\.nf_conntrack_acct is 0/);
      assert.match(stdout, /^default\/web:http TCP +13 +0 /m);
      assert.match(stdout, /^ {2}10\.1\.1\.2:80 {2}web-0 on here +ready +\d+ /m);
      assert.match(stdout, /^default\/idle TCP +0 +0 /m);
    });

    await t.test("on a terminal it draws in place, obeys keys, and leaves the screen as it was", async () => {
      const command = [process.execPath, "bin/fairlead", ...top, "--interval", "0.2"].join(" ");
      const child = spawn("script", ["-qfec", `stty rows 12 cols 60; exec ${command}`, "/dev/null"], {
        stdio: ["pipe", "pipe", "inherit"],
      });
      t.after(() => child.kill("SIGKILL"));
      let screen = "";
      child.stdout.setEncoding("utf8");
      const until = async (pattern: RegExp): Promise<void> => {
        const deadline = AbortSignal.timeout(15_000);
        while (!pattern.test(screen)) await once(child.stdout, "data", { signal: deadline });
      };
      child.stdout.on("data", (text: string) => (screen += text));
      await until(/default\/web:http/);
      assert.ok(screen.includes("\x1b[?1049h"), "the alternate screen");
      screen = "";
      child.stdin.write("s");
      await until(/\(by name\)|default\/idle TCP[^]*default\/web/);
      child.stdin.write("e");
      screen = "";
      await until(/q quit/);
      const last = screen.slice(screen.lastIndexOf("\x1b[H"));
      assert.doesNotMatch(last, /10\.1\.1\.2/);
      for (const line of last.split(/[\r\n]+/)) assert.ok(stripVTControlCharacters(line).length <= 60, line);
      child.stdin.write("q");
      const [code] = (await once(child, "exit")) as [number];
      assert.equal(code, 0);
      assert.ok(screen.endsWith("\x1b[?1049l"), "the screen as it was before");
    });
  },
);

test("top says what it lacks: rights, or the table", { skip: needsNetns() }, async (t) => {
  const { lab, top } = await scene(t);
  const without = await runFairlead(top, { unprivileged: true });
  assert.equal(without.code, 1);
  assert.match(without.stderr, /CAP_NET_ADMIN only: run this as root on the node/);
  const elsewhere = await runFairlead([...top.slice(0, -1), lab.client.netns]);
  assert.equal(elsewhere.code, 1);
  assert.match(elsewhere.stderr, /no table inet fairlead in network namespace fltest-client.*userspace/);
});
