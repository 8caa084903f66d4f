/** The userspace data plane restarts: processes follow each other at the same ports while clients go on. */
import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";
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
