import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { hasCapability } from "../../sys/capability.ts";
import type { Backend, ServiceTable, VirtualPort } from "../table.ts";
import { virtualPortKey } from "../table.ts";
import {
  dial,
  freeTcpPort,
  freeUdpPort,
  type Peer,
  silentBackend,
  tcpBackend,
  udpAsk,
  udpBackend,
  udpClient,
} from "./loopback-peers.ts";
import { createUserspaceDataPlane } from "./userspace.ts";

/** Virtual addresses of these tests: loopback, and nobody else's. */
const VIP = "127.96.0.10";

function virtual(port: number, backends: readonly Backend[], rest: Partial<VirtualPort> = {}): VirtualPort {
  const common = { service: "default/web", portName: "", address: VIP, protocol: "TCP" } as const;
  return { ...common, balance: "round-robin", port, backends, ...rest };
}

function table(...ports: readonly VirtualPort[]): ServiceTable {
  return { ports: new Map(ports.map((port) => [virtualPortKey(port), port])), ranges: ["127.96.0.0/16"] };
}

/** What a connection to the virtual port ends with: what the backend said, or the error. */
async function ask(port: number, address = VIP): Promise<string> {
  try {
    const socket = await dial(address, port);
    socket.end();
    return await text(socket);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

/** How many of `n` connections each backend answered. */
async function spread(n: number, port: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let i = 0; i < n; i++) {
    const answer = await ask(port);
    counts[answer] = (counts[answer] ?? 0) + 1;
  }
  return counts;
}

/** Backends that say their name. */
async function named(stack: AsyncDisposableStack, ...names: readonly string[]): Promise<Peer[]> {
  return Promise.all(
    names.map(async (name) =>
      stack.use(await tcpBackend((socket) => socket.on("end", () => socket.end(name)).resume())),
    ),
  );
}

describe("TCP through the userspace data plane", () => {
  test("connections are spread evenly over the backends", async () => {
    await using stack = new AsyncDisposableStack();
    const plane = stack.use(createUserspaceDataPlane());
    const backends = await named(stack, "a", "b", "c");
    const port = await freeTcpPort(VIP);
    assert.deepEqual(await plane.sync(table(virtual(port, backends, { balance: "round-robin" }))), {
      kept: 0,
      written: 1,
    });
    assert.deepEqual(await spread(30, port), { a: 10, b: 10, c: 10 });
  });

  test("a second sync with the same table writes nothing, whatever the order of the backends", async () => {
    await using stack = new AsyncDisposableStack();
    const plane = stack.use(createUserspaceDataPlane());
    const [a, b] = await named(stack, "a", "b");
    const port = await freeTcpPort(VIP);
    await plane.sync(table(virtual(port, [a!, b!])));
    assert.deepEqual(await plane.sync(table(virtual(port, [b!, a!]))), { kept: 1, written: 0 });
    assert.deepEqual(await plane.sync(table(virtual(port, [b!]))), { kept: 0, written: 1 });
    assert.deepEqual(await plane.sync(table()), { kept: 0, written: 1 });
  });

  test("after apply no new connection reaches a removed backend, and an added one gets its share", async () => {
    await using stack = new AsyncDisposableStack();
    const plane = stack.use(createUserspaceDataPlane());
    const [a, b, c] = await named(stack, "a", "b", "c");
    const port = await freeTcpPort(VIP);
    await plane.sync(table(virtual(port, [a!, b!])));
    await plane.apply({ set: [virtual(port, [b!, c!])], remove: [] });
    assert.deepEqual(await spread(20, port), { b: 10, c: 10 });
  });

  test("without backends, unserved and after removal: refused at once", async () => {
    await using stack = new AsyncDisposableStack();
    const plane = stack.use(createUserspaceDataPlane());
    const backends = await named(stack, "a");
    const port = await freeTcpPort(VIP);
    const served = virtual(port, backends);
    await plane.sync(table(virtual(port, [])));
    assert.equal(await ask(port), "ECONNREFUSED");
    assert.equal(await ask(port, "127.96.0.11"), "ECONNREFUSED");
    await plane.apply({ set: [served], remove: [] });
    assert.equal(await ask(port), "a");
    await plane.apply({ set: [virtual(port, [])], remove: [] });
    assert.equal(await ask(port), "ECONNREFUSED");
    await plane.apply({ set: [served], remove: [] });
    assert.equal(await ask(port), "a");
    await plane.apply({ set: [], remove: [virtualPortKey(served)] });
    assert.equal(await ask(port), "ECONNREFUSED");
  });

  test("an established connection survives the removal of its backend and of its port", async () => {
    await using stack = new AsyncDisposableStack();
    const plane = stack.use(createUserspaceDataPlane());
    const echo = stack.use(await tcpBackend((socket) => socket.pipe(socket)));
    const [other] = await named(stack, "other");
    const port = await freeTcpPort(VIP);
    await plane.sync(table(virtual(port, [echo])));
    const socket = stack.adopt(await dial(VIP, port), (socket) => void socket.destroy());
    socket.write("one");
    assert.equal(String((await once(socket, "data"))[0]), "one");
    await plane.apply({ set: [virtual(port, [other!])], remove: [] });
    socket.write("two");
    assert.equal(String((await once(socket, "data"))[0]), "two");
    await plane.apply({ set: [], remove: [virtualPortKey(virtual(port, []))] });
    socket.end("three");
    assert.equal(await text(socket), "three");
  });

  test("a backend that refuses is passed over", async () => {
    await using stack = new AsyncDisposableStack();
    const plane = stack.use(createUserspaceDataPlane());
    const [a] = await named(stack, "a");
    const dead = { address: "127.0.0.1", port: await freeTcpPort("127.0.0.1") };
    const port = await freeTcpPort(VIP);
    await plane.sync(table(virtual(port, [dead, a!])));
    assert.deepEqual(await spread(10, port), { a: 10 });
  });

  test("if all backends refuse, the client is reset at once", async () => {
    await using stack = new AsyncDisposableStack();
    const plane = stack.use(createUserspaceDataPlane());
    const dead = { address: "127.0.0.1", port: await freeTcpPort("127.0.0.1") };
    const port = await freeTcpPort(VIP);
    await plane.sync(table(virtual(port, [dead])));
    assert.equal(await ask(port), "ECONNRESET");
  });

  test("a connection that waits for a backend goes to another when that is removed", async () => {
    await using stack = new AsyncDisposableStack();
    const plane = stack.use(createUserspaceDataPlane({ random: () => 0, tcpConnectTimeoutMs: 60_000 }));
    const [a] = await named(stack, "a");
    const silent = stack.use(await silentBackend());
    const port = await freeTcpPort(VIP);
    await plane.sync(table(virtual(port, [silent, a!])));
    const answer = ask(port);
    // The rotation begins with the silent one: this second connection is answered, so the first has been taken in.
    assert.equal(await ask(port), "a");
    await plane.apply({ set: [virtual(port, [a!])], remove: [] });
    assert.equal(await answer, "a");
  });

  test("a backend that does not answer in time is passed over", async () => {
    await using stack = new AsyncDisposableStack();
    const plane = stack.use(createUserspaceDataPlane({ random: () => 0, tcpConnectTimeoutMs: 50 }));
    const [a] = await named(stack, "a");
    const silent = stack.use(await silentBackend());
    const port = await freeTcpPort(VIP);
    await plane.sync(table(virtual(port, [silent, a!])));
    assert.equal(await ask(port), "a");
  });

  test("each way ends by itself: the other goes on", async () => {
    await using stack = new AsyncDisposableStack();
    const plane = stack.use(createUserspaceDataPlane());
    // Answers only when the client has ended, with what it got.
    const late = stack.use(
      await tcpBackend((socket) => void text(socket).then((got) => socket.end(`got ${got}`))),
    );
    // Ends its way at once and then still reads.
    const { promise: heard, resolve: hear } = Promise.withResolvers<string>();
    const early = stack.use(
      await tcpBackend((socket) => {
        socket.end("bye");
        void text(socket).then(hear);
      }),
    );
    const ports = [await freeTcpPort(VIP), await freeTcpPort(VIP)] as const;
    await plane.sync(table(virtual(ports[0], [late]), virtual(ports[1], [early])));
    const first = stack.adopt(await dial(VIP, ports[0]), (socket) => void socket.destroy());
    first.end("question");
    assert.equal(await text(first), "got question");
    const second = stack.adopt(await dial(VIP, ports[1]), (socket) => void socket.destroy());
    assert.equal(await text(second), "bye");
    second.end("still here");
    assert.equal(await heard, "still here");
  });

  test("a reset is passed on, in both directions", async () => {
    await using stack = new AsyncDisposableStack();
    const plane = stack.use(createUserspaceDataPlane());
    const { promise: backendError, resolve } = Promise.withResolvers<NodeJS.ErrnoException>();
    const backend = stack.use(
      await tcpBackend((socket) => {
        socket.on("error", resolve);
        socket.on("data", (data) => (String(data) === "die" ? socket.resetAndDestroy() : socket.write("ok")));
      }),
    );
    const port = await freeTcpPort(VIP);
    await plane.sync(table(virtual(port, [backend])));
    const killed = stack.adopt(await dial(VIP, port), (socket) => void socket.destroy());
    killed.write("die");
    const [error] = (await once(killed, "error")) as [NodeJS.ErrnoException];
    assert.equal(error.code, "ECONNRESET");
    const killer = stack.adopt(await dial(VIP, port), (socket) => void socket.destroy());
    killer.write("hello");
    await once(killer, "data");
    killer.resetAndDestroy();
    assert.equal((await backendError).code, "ECONNRESET");
  });

  test("a slow reader slows the writer down, and gets every byte", async () => {
    await using stack = new AsyncDisposableStack();
    const plane = stack.use(createUserspaceDataPlane());
    const total = 64 * 1024 * 1024;
    let written = 0;
    const source = stack.use(
      await tcpBackend((socket) => {
        const chunk = Buffer.alloc(64 * 1024, 7);
        const fill = (): void => {
          while (written < total) {
            written += chunk.length;
            if (!socket.write(chunk)) return;
          }
          socket.end();
        };
        socket.on("drain", fill).on("error", () => {});
        fill();
      }),
    );
    const port = await freeTcpPort(VIP);
    await plane.sync(table(virtual(port, [source])));
    const reader = stack.adopt(await dial(VIP, port), (socket) => void socket.destroy());
    reader.pause();
    // When the writer has not moved for 20 turns it is held back: by the kernel's buffers, not by the proxy's memory.
    let [last, still] = [-1, 0];
    while (still < 20) {
      still = written === last ? still + 1 : 0;
      last = written;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.ok(written < total / 2, `${written} bytes went into the proxy while nobody read`);
    let read = 0;
    for await (const chunk of reader) read += (chunk as Buffer).length;
    assert.equal(read, total);
  });

  test("disposing resets what is open and stops listening", async () => {
    await using stack = new AsyncDisposableStack();
    const plane = createUserspaceDataPlane();
    const echo = stack.use(await tcpBackend((socket) => socket.on("error", () => {}).pipe(socket)));
    const port = await freeTcpPort(VIP);
    await plane.sync(table(virtual(port, [echo])));
    const socket = stack.adopt(await dial(VIP, port), (socket) => void socket.destroy());
    socket.write("one");
    await once(socket, "data");
    const reset = once(socket, "error");
    await plane[Symbol.asyncDispose]();
    assert.equal(((await reset) as [NodeJS.ErrnoException])[0].code, "ECONNRESET");
    assert.equal(await ask(port), "ECONNREFUSED");
  });

  test("serves IPv6", async () => {
    await using stack = new AsyncDisposableStack();
    const plane = stack.use(createUserspaceDataPlane());
    const backend = stack.use(
      await tcpBackend((socket) => socket.on("end", () => socket.end("six")).resume(), "::1"),
    );
    const port = await freeTcpPort("::1");
    await plane.sync(table(virtual(port, [backend], { address: "::1" })));
    assert.equal(await ask(port, "::1"), "six");
  });
});

describe("UDP through the userspace data plane", () => {
  const udp = { protocol: "UDP" } as const;

  test("a client keeps its backend, clients are spread, and answers come from the virtual address", async () => {
    await using stack = new AsyncDisposableStack();
    const plane = stack.use(createUserspaceDataPlane());
    const backends = [stack.use(await udpBackend("a")), stack.use(await udpBackend("b"))];
    const port = await freeUdpPort(VIP);
    await plane.sync(table(virtual(port, backends, udp)));
    const counts: Record<string, number> = {};
    for (let i = 0; i < 10; i++) {
      await using client = stack.use(await udpClient());
      const first = await udpAsk(client.socket, VIP, port, "x");
      assert.deepEqual([first.from, first.port], [VIP, port]);
      for (let again = 0; again < 3; again++)
        assert.equal((await udpAsk(client.socket, VIP, port, "x")).text, first.text);
      counts[first.text] = (counts[first.text] ?? 0) + 1;
    }
    assert.deepEqual(counts, { "a x": 5, "b x": 5 });
  });

  test("a flow leaves a removed backend with the next datagram", async () => {
    await using stack = new AsyncDisposableStack();
    const plane = stack.use(createUserspaceDataPlane({ random: () => 0 }));
    const [a, b] = [stack.use(await udpBackend("a")), stack.use(await udpBackend("b"))];
    const port = await freeUdpPort(VIP);
    await plane.sync(table(virtual(port, [a, b], udp)));
    const client = stack.use(await udpClient());
    assert.equal((await udpAsk(client.socket, VIP, port, "1")).text, "a 1");
    await plane.apply({ set: [virtual(port, [b], udp)], remove: [] });
    assert.equal((await udpAsk(client.socket, VIP, port, "2")).text, "b 2");
  });

  test("a flow leaves a backend that refuses", async () => {
    await using stack = new AsyncDisposableStack();
    const plane = stack.use(createUserspaceDataPlane({ random: () => 0 }));
    const dead = { address: "127.0.0.1", port: await freeUdpPort("127.0.0.1") };
    const b = stack.use(await udpBackend("b"));
    const port = await freeUdpPort(VIP);
    await plane.sync(table(virtual(port, [dead, b], udp)));
    const client = stack.use(await udpClient());
    // The first datagrams may be lost to the dead one: that is UDP.
    assert.equal((await udpAsk(client.socket, VIP, port, "x")).text, "b x");
  });

  const needsRaw = hasCapability("NET_RAW") ? false : "needs CAP_NET_RAW to send ICMP";
  for (const [family, vip, backend] of [
    ["udp4", VIP, "127.0.0.1"],
    ["udp6", "::1", "::1"],
  ] as const)
    test(`${family}: a backend's refusal is the client's`, { skip: needsRaw }, async () => {
      await using stack = new AsyncDisposableStack();
      const plane = stack.use(createUserspaceDataPlane());
      const port = await freeUdpPort(vip);
      const dead = { address: backend, port: await freeUdpPort(backend) };
      await plane.sync(table(virtual(port, [dead], { ...udp, address: vip })));
      const client = stack.adopt(createSocket(family), (socket) => void socket.close());
      client.connect(port, vip);
      await once(client, "connect");
      const error = once(client, "error") as Promise<[NodeJS.ErrnoException]>;
      client.send("x");
      assert.equal((await error)[0].code, "ECONNREFUSED");
    });

  test("an idle flow may get another backend, and the least used flow makes room", async () => {
    await using stack = new AsyncDisposableStack();
    const [a, b] = [stack.use(await udpBackend("a")), stack.use(await udpBackend("b"))];
    const port = await freeUdpPort(VIP);
    const plane = stack.use(createUserspaceDataPlane({ random: () => 0, udpMaxFlows: 1 }));
    await plane.sync(table(virtual(port, [a, b], udp)));
    const [one, two] = [stack.use(await udpClient()), stack.use(await udpClient())];
    const answers = [];
    for (const client of [one, two, one]) answers.push((await udpAsk(client.socket, VIP, port, "x")).text);
    assert.deepEqual(answers, ["a x", "b x", "a x"]);
  });

  test("without backends the kernel says that the port is unreachable", async () => {
    await using stack = new AsyncDisposableStack();
    const plane = stack.use(createUserspaceDataPlane());
    const a = stack.use(await udpBackend("a"));
    const port = await freeUdpPort(VIP);
    await plane.sync(table(virtual(port, [a], udp)));
    await plane.apply({ set: [virtual(port, [], udp)], remove: [] });
    const client = createSocket("udp4");
    client.connect(port, VIP);
    await once(client, "connect");
    client.send("x");
    const [error] = (await once(client, "error")) as [NodeJS.ErrnoException];
    client.close();
    assert.equal(error.code, "ECONNREFUSED");
  });
});

describe("ports that cannot be served", () => {
  test("are told with a remedy, leave the others alone, and are tried again by sync", async () => {
    await using stack = new AsyncDisposableStack();
    const plane = stack.use(createUserspaceDataPlane());
    const backends = await named(stack, "a");
    const port = await freeTcpPort(VIP);
    const taken = await freeTcpPort(VIP);
    const occupant = stack.adopt(createServer().listen(taken, VIP), (server) => void server.close());
    await once(occupant, "listening");
    const ports = table(
      virtual(port, backends),
      virtual(taken, backends, { service: "default/taken" }),
      // 192.0.2.0/24 is documentation's (RFC 5737): no machine has it.
      virtual(80, backends, { service: "default/far", address: "192.0.2.1" }),
      virtual(81, backends, { service: "default/sctp", protocol: "SCTP" }),
    );
    assert.deepEqual(await plane.sync(ports), { kept: 0, written: 1 });
    assert.equal(await ask(port), "a");
    assert.deepEqual(
      plane.problems().map(({ message }) => message),
      [
        `cannot listen on ${VIP}:${taken}/TCP of default/taken: another program listens there`,
        "cannot listen on 192.0.2.1:80/TCP of default/far: the address is not one of this machine's",
        "default/sctp wants SCTP, which the userspace data plane does not have",
      ],
    );
    for (const { remedy } of plane.problems()) assert.ok(remedy.length > 0);
    occupant.close();
    await once(occupant, "close");
    assert.deepEqual(await plane.sync(ports), { kept: 1, written: 1 });
    assert.equal(await ask(taken), "a");
    assert.equal(plane.problems().length, 2);
    await plane.sync(table(virtual(port, backends)));
    assert.deepEqual(plane.problems(), []);
  });

  test("changes that are asked for together are made in order", async () => {
    await using stack = new AsyncDisposableStack();
    const plane = stack.use(createUserspaceDataPlane());
    const [a, b] = await named(stack, "a", "b");
    const port = await freeTcpPort(VIP);
    const key = virtualPortKey(virtual(port, []));
    await Promise.all([
      plane.sync(table(virtual(port, [a!]))),
      plane.apply({ set: [], remove: [key] }),
      plane.apply({ set: [virtual(port, [a!])], remove: [] }),
      plane.apply({ set: [virtual(port, [b!])], remove: [key] }),
    ]);
    assert.equal(await ask(port), "b");
    await plane.cleanup();
    assert.equal(await ask(port), "ECONNREFUSED");
  });
});
