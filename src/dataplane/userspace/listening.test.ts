import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { suite, test } from "node:test";
import { type Log, silentLog } from "../../base/log.ts";
import { NODE_ADDRESS, type ServiceTable, type VirtualPort, virtualPortKey } from "../table.ts";
import {
  dial,
  freeTcpPort,
  freeUdpPort,
  type Peer,
  tcpBackend,
  udpAsk,
  udpBackend,
  udpClient,
} from "./loopback-peers.ts";
import { createUserspaceDataPlane } from "./userspace.ts";

const VIP = "127.96.0.14";

function virtual(rest: Partial<VirtualPort> & Pick<VirtualPort, "port" | "backends">): VirtualPort {
  return { service: "default/web", portName: "", address: VIP, protocol: "TCP", ...rest };
}

function table(...ports: readonly VirtualPort[]): ServiceTable {
  return { ports: new Map(ports.map((port) => [virtualPortKey(port), port])), ranges: ["127.96.0.0/16"] };
}

async function named(name: string): Promise<Peer> {
  return tcpBackend((socket) =>
    socket
      .on("error", () => {})
      .on("end", () => socket.end(name))
      .resume(),
  );
}

async function ask(address: string, port: number): Promise<string> {
  try {
    const socket = await dial(address, port);
    socket.end();
    return await text(socket);
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

suite("node ports", () => {
  test("answer at every address of the machine, in both families, each with its own backends", async () => {
    await using stack = new AsyncDisposableStack();
    const plane = stack.use(createUserspaceDataPlane());
    const [four, six] = [stack.use(await named("four")), stack.use(await named("six"))];
    const port = await freeTcpPort(NODE_ADDRESS[4]);
    await plane.sync(
      table(
        virtual({ port, backends: [four], address: NODE_ADDRESS[4], type: "NodePort" }),
        virtual({ port, backends: [six], address: NODE_ADDRESS[6], type: "NodePort" }),
      ),
    );
    assert.deepEqual(plane.problems(), []);
    assert.deepEqual(await Promise.all([ask("127.0.0.1", port), ask("127.0.0.9", port), ask("::1", port)]), [
      "four",
      "four",
      "six",
    ]);
  });

  for (const nodePortFirst of [true, false])
    test(`share a number with a port at one address, ${nodePortFirst ? "made before" : "made after"} it`, async () => {
      await using stack = new AsyncDisposableStack();
      const plane = stack.use(createUserspaceDataPlane());
      const [all, one] = [stack.use(await named("all")), stack.use(await named("one"))];
      const port = await freeTcpPort(NODE_ADDRESS[4]);
      const ports = [
        virtual({ port, backends: [all], address: NODE_ADDRESS[4] }),
        virtual({ port, backends: [one] }),
      ];
      await plane.sync(table(...(nodePortFirst ? ports : ports.reverse())));
      assert.deepEqual(plane.problems(), []);
      assert.deepEqual([await ask("127.0.0.1", port), await ask(VIP, port)], ["all", "one"]);
      // A program that does not ask for a share gets none.
      const stranger = createServer().listen({ port, host: VIP });
      const [error] = (await once(stranger, "error")) as [NodeJS.ErrnoException];
      assert.equal(error.code, "EADDRINUSE");
    });

  test("of UDP answer from the address that was asked", async () => {
    await using stack = new AsyncDisposableStack();
    const plane = stack.use(createUserspaceDataPlane());
    const backend = stack.use(await udpBackend("a"));
    const port = await freeUdpPort(NODE_ADDRESS[4]);
    const both = [NODE_ADDRESS[4], NODE_ADDRESS[6]].map((address) =>
      virtual({ port, backends: [backend], address, protocol: "UDP" }),
    );
    await plane.sync(table(...both));
    const client = stack.use(await udpClient());
    for (const address of ["127.0.0.1", "127.0.0.7"])
      assert.deepEqual(await udpAsk(client.socket, address, port, "x"), { text: "a x", from: address, port });
    const six = stack.adopt(createSocket("udp6").bind(0, "::1"), (socket) => void socket.close());
    await once(six, "listening");
    assert.deepEqual(await udpAsk(six, "::1", port, "y"), { text: "a y", from: "::1", port });
  });
});

suite("a port that is taken", () => {
  test("is told once, and served by itself when it is free", async () => {
    await using stack = new AsyncDisposableStack();
    const { promise: served, resolve } = Promise.withResolvers<string>();
    const log: Log = { ...silentLog, info: (_fields, message) => resolve(message) };
    const told: string[] = [];
    const onProblem = ({ message }: { readonly message: string }): void => void told.push(message);
    const plane = stack.use(createUserspaceDataPlane({ log, onProblem }));
    const backend = stack.use(await named("a"));
    const port = await freeTcpPort(VIP);
    const occupant = createServer().listen(port, VIP);
    await once(occupant, "listening");
    const desired = table(virtual({ port, backends: [backend] }));
    await plane.sync(desired);
    await plane.sync(desired);
    assert.deepEqual(told, [
      `cannot listen on ${VIP}:${port}/TCP of default/web: another program listens there`,
    ]);
    occupant.close();
    assert.equal(await served, `listening on ${VIP}|TCP|${port} now`);
    assert.deepEqual([plane.problems(), await ask(VIP, port)], [[], "a"]);
  });
});

suite("clients that get no answer", () => {
  for (const [why, rest] of [
    ["they are not in the source ranges", { sourceRanges: ["192.0.2.0/24"] }],
    ["a policy leaves no backend here", { backends: [], whenEmpty: "drop" }],
  ] as const)
    test(`because ${why}: TCP says nothing and ends with its client, and with its port`, async () => {
      await using stack = new AsyncDisposableStack();
      const plane = stack.use(createUserspaceDataPlane());
      const backend = stack.use(await named("a"));
      const port = await freeTcpPort(VIP);
      const dropping = virtual({ port, backends: [backend], ...rest });
      await plane.sync(table(dropping));
      const [one, two] = [await dial(VIP, port), await dial(VIP, port)];
      for (const socket of [one, two]) stack.adopt(socket, () => void socket.destroy());
      one.write("anybody there?");
      // Another port of the same data plane has answered meanwhile: this one had its turn, and said nothing.
      const other = await freeTcpPort(VIP);
      await plane.apply({ set: [virtual({ port: other, backends: [backend] })], remove: [] });
      assert.equal(await ask(VIP, other), "a");
      assert.equal(one.bytesRead, 0);
      const reset = once(two, "error") as Promise<[NodeJS.ErrnoException]>;
      const gone = new Promise((resolve) => {
        one.on("error", () => {}).on("close", resolve);
      });
      one.end();
      await gone;
      await plane.apply({ set: [], remove: [virtualPortKey(dropping)] });
      assert.equal((await reset)[0].code, "ECONNRESET");
    });

  test("of UDP: datagrams from outside the source ranges are lost", async () => {
    await using stack = new AsyncDisposableStack();
    const plane = stack.use(createUserspaceDataPlane());
    const backend = stack.use(await udpBackend("a"));
    const [closed, open] = [await freeUdpPort(VIP), await freeUdpPort(VIP)];
    const common = { backends: [backend], protocol: "UDP" } as const;
    await plane.sync(
      table(
        virtual({ ...common, port: closed, sourceRanges: ["192.0.2.0/24"] }),
        virtual({ ...common, port: open, sourceRanges: ["127.0.0.0/8"] }),
      ),
    );
    const client = stack.use(await udpClient());
    client.socket.send("lost", closed, VIP);
    assert.deepEqual(await udpAsk(client.socket, VIP, open, "x"), { text: "a x", from: VIP, port: open });
  });
});

test("stalled readers cost the proxy one buffer each, however much their backends send", async () => {
  await using stack = new AsyncDisposableStack();
  const plane = stack.use(createUserspaceDataPlane());
  const chunk = Buffer.alloc(1024 * 1024);
  const sources = new Set<Socket>();
  const source = stack.use(
    await tcpBackend((socket) => {
      sources.add(socket);
      const fill = (): void => {
        while (!socket.destroyed && socket.write(chunk));
      };
      socket.on("drain", fill).on("error", () => {});
      fill();
    }),
  );
  const port = await freeTcpPort(VIP);
  await plane.sync(table(virtual({ port, backends: [source] })));
  const before = process.memoryUsage().arrayBuffers;
  const readers = await Promise.all(Array.from({ length: 32 }, async () => dial(VIP, port)));
  for (const reader of readers) stack.adopt(reader.pause(), (socket) => void socket.destroy());
  // When the writers have not moved for 20 turns, everything between them and the readers is full.
  const written = (): number => [...sources].reduce((sum, { bytesWritten }) => sum + bytesWritten, 0);
  let [last, still] = [-1, 0];
  while (still < 20) {
    still = written() === last ? still + 1 : 0;
    last = written();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal(sources.size, 32);
  const grown = process.memoryUsage().arrayBuffers - before;
  // Two buffers for each: the proxy's, and one of the readers', which are in this process as well.
  assert.ok(grown < 32 * 2 * 64 * 1024 + 4 * 1024 * 1024, `${grown} bytes for 32 connections`);
});
