import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { suite, test } from "node:test";
import { type ServiceTable, type VirtualPort, virtualPortKey } from "../table.ts";
import {
  dial,
  freeTcpPort,
  freeUdpPort,
  tcpBackend,
  udpAsk,
  udpBackend,
  udpClient,
} from "./loopback-peers.ts";
import { createUserspaceDataPlane, type UserspaceDataPlane } from "./userspace.ts";

const VIP = "127.96.0.12";
const DEADLINE_MS = 5000;

function virtual(rest: Partial<VirtualPort> & Pick<VirtualPort, "port" | "backends">): VirtualPort {
  return { service: "default/web", portName: "", address: VIP, protocol: "TCP", ...rest };
}

function table(...ports: readonly VirtualPort[]): ServiceTable {
  return { ports: new Map(ports.map((port) => [virtualPortKey(port), port])), ranges: ["127.96.0.0/16"] };
}

function pathIn(stack: AsyncDisposableStack): string {
  const directory = mkdtempSync(join(tmpdir(), "fairlead-handover-"));
  stack.defer(() => rmSync(directory, { recursive: true }));
  return join(directory, "dataplane.sock");
}

/** What a connection brings, or the error's code. */
async function ask(port: number): Promise<string> {
  try {
    const socket = await dial(VIP, port);
    socket.end("x");
    return await text(socket);
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

suite("a data plane that follows another", () => {
  test("takes the sockets over: no connection fails, however often it happens, and those that are open go on", async () => {
    await using stack = new AsyncDisposableStack();
    const path = pathIn(stack);
    const echo = stack.use(await tcpBackend((socket) => socket.pipe(socket)));
    const port = await freeTcpPort(VIP);
    const desired = table(virtual({ port, backends: [echo] }));
    let plane: UserspaceDataPlane = stack.use(createUserspaceDataPlane({ handover: path }));
    assert.deepEqual(await plane.sync(desired), { kept: 0, written: 1 });
    const old = stack.adopt(await dial(VIP, port), (socket) => void socket.destroy());
    const results = new Map<string, number>();
    const over = new AbortController();
    const clients = Array.from({ length: 8 }, async () => {
      while (!over.signal.aborted) {
        const result = await ask(port);
        results.set(result, (results.get(result) ?? 0) + 1);
      }
    });
    const first = plane;
    for (let i = 0; i < 20; i++) {
      const next = stack.use(createUserspaceDataPlane({ handover: path }));
      assert.deepEqual(await next.sync(desired), { kept: 1, written: 0 });
      await plane.handedOver;
      plane = next;
      // Some go through each of them.
      const before = results.get("x") ?? 0;
      while ((results.get("x") ?? 0) < before + 16 && results.size <= 1) await ask(port);
    }
    over.abort();
    await Promise.all(clients);
    assert.deepEqual([...results.keys()], ["x"]);
    old.write("still");
    assert.equal(String((await once(old, "data"))[0]), "still");
    const drained = first.drained(AbortSignal.timeout(DEADLINE_MS));
    old.end();
    await drained;
    await first[Symbol.asyncDispose]();
    assert.equal(await ask(port), "x");
  });

  test("knows the clients: affinity goes on, and a UDP flow keeps its backend", async () => {
    await using stack = new AsyncDisposableStack();
    const path = pathIn(stack);
    const tcp = await Promise.all(
      Array.from({ length: 8 }, async (_, i) =>
        stack.use(await tcpBackend((socket) => socket.on("end", () => socket.end(`${i}`)).resume())),
      ),
    );
    const udp = await Promise.all(
      Array.from({ length: 8 }, async (_, i) => stack.use(await udpBackend(`${i}`))),
    );
    const ports = [
      virtual({ port: await freeTcpPort(VIP), backends: tcp, affinity: 60 }),
      virtual({ port: await freeUdpPort(VIP), backends: udp, protocol: "UDP" }),
    ] as const;
    const client = stack.use(await udpClient());
    const seen = new Set<string>();
    for (let i = 0; i < 5; i++) {
      const plane = stack.use(createUserspaceDataPlane({ handover: path }));
      await plane.sync(table(...ports));
      const { text: answer } = await udpAsk(client.socket, VIP, ports[1].port, "x");
      seen.add(`${await ask(ports[0].port)} ${answer}`);
    }
    assert.equal(seen.size, 1, [...seen].join(", "));
  });

  test("closes what the table does not have any more, and binds what the other did not have", async () => {
    await using stack = new AsyncDisposableStack();
    const path = pathIn(stack);
    const echo = stack.use(await tcpBackend((socket) => socket.pipe(socket)));
    const [one, two] = [await freeTcpPort(VIP), await freeTcpPort(VIP)];
    const first = stack.use(createUserspaceDataPlane({ handover: path }));
    await first.sync(table(virtual({ port: one, backends: [echo] })));
    const second = stack.use(createUserspaceDataPlane({ handover: path }));
    assert.deepEqual(await second.sync(table(virtual({ port: two, backends: [echo] }))), {
      kept: 0,
      written: 1,
    });
    assert.deepEqual([await ask(one), await ask(two)], ["ECONNREFUSED", "x"]);
    // Whoever has handed over changes nothing more.
    await first.apply({ set: [virtual({ port: one, backends: [echo] })], remove: [] });
    assert.equal(await ask(one), "ECONNREFUSED");
  });

  test("begins anew where nobody answers, and leaves nothing behind", async () => {
    await using stack = new AsyncDisposableStack();
    const path = pathIn(stack);
    // What a process leaves that was killed: a file that nobody listens at.
    writeFileSync(path, "");
    const echo = stack.use(await tcpBackend((socket) => socket.pipe(socket)));
    const port = await freeTcpPort(VIP);
    const plane = stack.use(createUserspaceDataPlane({ handover: path }));
    assert.deepEqual(await plane.sync(table(virtual({ port, backends: [echo] }))), { kept: 0, written: 1 });
    assert.equal(await ask(port), "x");
    await plane[Symbol.asyncDispose]();
    assert.equal(existsSync(path), false);
  });

  test("serves without hand-over where the path cannot be used, and says so", async () => {
    await using stack = new AsyncDisposableStack();
    const warnings: string[] = [];
    const ignore = (): void => {};
    const warn = (_fields: object, message: string): void => void warnings.push(message);
    const log = { debug: ignore, info: ignore, error: ignore, warn };
    const echo = stack.use(await tcpBackend((socket) => socket.pipe(socket)));
    const port = await freeTcpPort(VIP);
    const plane = stack.use(createUserspaceDataPlane({ handover: `/${"x".repeat(120)}`, log }));
    await plane.sync(table(virtual({ port, backends: [echo] })));
    assert.equal(await ask(port), "x");
    assert.deepEqual(warnings, [
      "the listening sockets of the process before cannot be taken over",
      "no process will be able to take the listening sockets over",
    ]);
  });
});
