/** The userspace data plane restarts: processes follow each other at the same ports while clients go on. */
import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { endpointSliceKind } from "../src/api/endpointslice/kind.ts";
import { serviceKind } from "../src/api/service/kind.ts";
import { ip } from "../src/base/ip.ts";
import { createHttpClient } from "../src/client/http.ts";
import { loadKubeconfig } from "../src/client/kubeconfig.ts";
import type { VirtualPort } from "../src/dataplane/table.ts";
import {
  dial,
  freeTcpPort,
  freeUdpPort,
  tcpBackend,
  udpAsk,
  udpBackend,
  udpClient,
} from "../src/dataplane/userspace/loopback-peers.ts";
import { RouteSocket } from "../src/net/rtnetlink/route-socket.ts";
import { bindInNetns } from "../src/sys/netns-listener.ts";
import { connectInNetns } from "../src/sys/netns-socket.ts";
import { ApiServerProcess } from "./lab/api-server-process.ts";
import { fairleadUntilReady } from "./lab/fairlead.ts";
import { needsNetns, testNetns } from "./lab/netns.ts";

const CLUSTER_IP = "10.96.0.80";
const VIP = "127.96.0.13";
const PROCESSES = 12;
/** Ten a second, as long as the machine has them started in time. */
const BETWEEN_MS = 100;

type Child = ChildProcessByStdio<Writable, Readable, null>;

function start(ports: readonly VirtualPort[], path: string): Child {
  const args = [join(import.meta.dirname, "lab/userspace-child.ts"), JSON.stringify(ports), path];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  child.stdout.setEncoding("utf8");
  return child;
}

async function says(child: Child, line: RegExp): Promise<void> {
  const [said] = (await once(child.stdout, "data")) as [string];
  assert.match(said, line);
}

test("eleven restarts, ten a second, under new connections: none is refused or reset, and what is open goes on", async () => {
  await using stack = new AsyncDisposableStack();
  const directory = mkdtempSync(join(tmpdir(), "fairlead-restart-"));
  stack.defer(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "dataplane.sock");
  const echo = stack.use(await tcpBackend((socket) => socket.on("error", () => {}).pipe(socket)));
  const names = ["a", "b", "c", "d"];
  const answering = await Promise.all(names.map(async (name) => stack.use(await udpBackend(name))));
  const common = { service: "default/web", address: VIP } as const;
  const plain = (peers: readonly { address: string; port: number }[]): { address: string; port: number }[] =>
    peers.map(({ address, port }) => ({ address, port }));
  const tcp = {
    ...common,
    portName: "tcp",
    protocol: "TCP",
    port: await freeTcpPort(VIP),
    backends: plain([echo]),
  };
  const udp = {
    ...common,
    portName: "udp",
    protocol: "UDP",
    port: await freeUdpPort(VIP),
    backends: plain(answering),
  };
  const ports = [tcp, udp] as VirtualPort[];

  const children = Array.from({ length: PROCESSES }, () =>
    stack.adopt(start(ports, path), (child) => void child.kill("SIGKILL")),
  );
  await Promise.all(children.map(async (child) => says(child, /^started/)));
  const [first] = children;
  const serving = says(first!, /^serving, 0 taken over/);
  first!.stdin.write("go\n");
  await serving;

  const old = stack.adopt(await dial(VIP, tcp.port), (socket) => void socket.destroy());
  const client = stack.use(await udpClient());
  const { text: backend } = await udpAsk(client.socket, VIP, udp.port, "x");

  const results = new Map<string, number>();
  const over = new AbortController();
  const count = (result: string): void => void results.set(result, (results.get(result) ?? 0) + 1);
  const load = Array.from({ length: 16 }, async () => {
    while (!over.signal.aborted) {
      try {
        const socket = await dial(VIP, tcp.port);
        socket.end("x");
        count(await text(socket));
      } catch (error) {
        count(String((error as NodeJS.ErrnoException).code));
      }
    }
  });
  for (const [i, child] of children.entries()) {
    if (i === 0) continue;
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
    const [handed, taken] = [says(children[i - 1]!, /^handed over/), says(child, /^serving, 2 taken over/)];
    child.stdin.write("go\n");
    await Promise.all([handed, taken]);
  }
  over.abort();
  await Promise.all(load);
  assert.deepEqual([...results.keys()], ["x"], JSON.stringify(Object.fromEntries(results)));
  assert.ok(results.get("x")! > 200, `only ${results.get("x")} connections were made`);

  // Those without connections have ended by themselves; the first one still has its.
  assert.equal((await udpAsk(client.socket, VIP, udp.port, "x")).text, backend);
  const ended = once(first!, "close") as Promise<[number]>;
  assert.equal(first!.exitCode, null);
  old.write("still here");
  assert.equal(String((await once(old, "data"))[0]), "still here");
  old.end();
  client.socket.removeAllListeners();
  // The UDP flow that it still answers for ends with the time of idle flows, or with the process.
  first!.kill("SIGTERM");
  await ended;
});

test(
  "an agent that is started beside another takes over, and the old one ends when its connections have",
  { skip: needsNetns() },
  async () => {
    await using stack = new AsyncDisposableStack();
    const dataDir = mkdtempSync(join(tmpdir(), "fairlead-restart-"));
    stack.defer(() => rmSync(dataDir, { recursive: true }));
    const { name: netns } = stack.use(testNetns("restart"));
    using routes = await RouteSocket.open({ netns });
    routes.setLink("lo", { up: true });
    routes.createLink({ kind: "bridge", name: "eth0", up: true });
    // What this proxy can listen at: addresses that the machine has.
    routes.addAddress("lo", ip(CLUSTER_IP), 32);
    routes.addAddress("eth0", ip("10.1.0.1"), 24);
    const backend = stack.adopt(
      createServer((socket) => socket.on("error", () => {}).pipe(socket)),
      (server) => void server.close(),
    );
    backend.listen({ fd: bindInNetns(netns, ip("10.1.0.1"), 8080) });
    await once(backend, "listening");

    const api = stack.use(new ApiServerProcess(dataDir));
    await api.start();
    const client = stack.use(createHttpClient(await loadKubeconfig({ path: api.kubeconfig })));
    await client.create(serviceKind, {
      metadata: { namespace: "default", name: "web" },
      spec: { clusterIP: CLUSTER_IP, ports: [{ port: 80, targetPort: 8080 }] },
    });
    await client.create(endpointSliceKind, {
      metadata: { namespace: "default", name: "web-1", labels: { "kubernetes.io/service-name": "web" } },
      addressType: "IPv4",
      ports: [{ name: "", protocol: "TCP", port: 8080 }],
      endpoints: [{ addresses: ["10.1.0.1"], conditions: { ready: true } }],
    });
    const signal = AbortSignal.timeout(60_000);
    const connect = async (): Promise<Socket> => {
      const socket = await connectInNetns(netns, ip(CLUSTER_IP), 80, signal);
      return stack.adopt(socket, () => void socket.destroy());
    };
    const echo = async (socket: Socket, word: string): Promise<void> => {
      socket.write(word);
      assert.equal(String((await once(socket, "data"))[0]), word);
    };
    const args = ["agent", "--kubeconfig", api.kubeconfig, "--netns", netns, "--node-name", "restarting"];
    args.push("--dataplane", "userspace", "--data-dir", join(dataDir, "agent"));
    const old = stack.use(await fairleadUntilReady(args));
    const kept = await connect();
    await echo(kept, "one");

    let made = 0;
    const over = new AbortController();
    const load = (async (): Promise<void> => {
      for (; !over.signal.aborted; made++) {
        const socket = await connect();
        await echo(socket, String(made));
        socket.end();
      }
    })();
    const next = stack.use(await fairleadUntilReady(args));
    const ended = old.end("SIGCONT");
    const before = made;
    for (let i = 0; i < 100; i++) await echo(kept, "two");
    assert.ok(made > before, "no new connection was made beside the one that is kept");
    over.abort();
    await load;
    // The one connection is all that keeps the old one.
    await echo(kept, "three");
    kept.end();
    const { code, stderr } = await ended;
    assert.equal(code, 0, stderr);
    const last = await connect();
    await echo(last, "four");
    last.end();
    await once(last, "close");
    assert.equal((await next.end("SIGTERM")).code, 0);
  },
);
