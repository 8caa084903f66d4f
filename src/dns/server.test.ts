/** The server on real sockets of loopback: UDP both ways, TCP with its limits, and what waits for another server. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { ip } from "../base/ip.ts";
import { Flag, Rcode } from "../net/dns/constants.ts";
import { readMessage } from "../net/dns/message.ts";
import { questionMessage } from "../net/dns/query.ts";
import { AnswerCache } from "./answer-cache.ts";
import type { ExchangeLimits } from "./exchange.ts";
import { address, fakeResolver, type FakeZone } from "./fake-resolver.ts";
import { Forwarder } from "./forwarder.ts";
import { DnsMetrics } from "./metrics.ts";
import { Responder } from "./responder.ts";
import { type DnsServer, startDnsServer } from "./server.ts";
import type { TcpLimits } from "./tcp-listener.ts";
import { createUpstream } from "./upstream.ts";
import { parseQuestion, service, slice, testZone } from "./zone-fixture.ts";
import { Registry } from "prom-client";

interface Setup {
  readonly at?: string;
  readonly datagrams?: "batch" | "single";
  readonly limits?: ExchangeLimits & TcpLimits;
  /** What another server answers. */
  readonly outside?: FakeZone;
  readonly mayRecurse?: (address: string) => boolean;
  readonly metrics?: DnsMetrics;
}

async function serve(t: TestContext, setup: Setup = {}): Promise<DnsServer> {
  const { names } = testZone();
  names.setService(service("default/web", ["10.96.0.20"]));
  names.setService(service("default/db", ["None"]));
  names.setSlice(
    slice(
      "default/db",
      "a",
      Array.from({ length: 200 }, (_, i) => `10.244.0.${i}`),
    ),
  );
  const resolver = await fakeResolver(
    setup.outside ?? (() => ({ answers: [address("www.example.com", 60, "192.0.2.1")] })),
  );
  const cache = new AnswerCache();
  const upstream = createUpstream({ servers: async () => [resolver.at], timeout: 200, deadline: 400 });
  const { at = "127.0.0.1", mayRecurse = () => true, metrics, ...options } = setup;
  const server = await startDnsServer(
    { ...options, address: ip(at), port: 0, mayRecurse },
    {
      responder: new Responder(names, { firstSerial: 0 }, cache),
      forwarder: new Forwarder({ upstream, cache }),
      metrics,
    },
  );
  t.after(async () => {
    await server[Symbol.asyncDispose]();
    await resolver[Symbol.asyncDispose]();
  });
  return server;
}

function question(text: string, id = 1): Buffer {
  return questionMessage({ ...parseQuestion(text), id, flags: Flag.RD });
}

const WEB = "web.default.svc.cluster.local. A";

for (const datagrams of ["batch", "single"] as const)
  for (const at of ["127.0.0.1", "::1"])
    test(`${datagrams} datagrams on ${at}: each client gets its own answers, from here and from elsewhere`, async (t) => {
      const { port } = await serve(t, { datagrams, at });
      const clients = Array.from({ length: 8 }, () => createSocket(at === "::1" ? "udp6" : "udp4"));
      t.after(() => {
        for (const client of clients) client.close();
      });
      await Promise.all(
        clients.map(async (client, number) => {
          const ids = new Map<number, string>();
          const done = Promise.withResolvers<void>();
          client.on("message", (bytes) => {
            const { id, answers, question } = readMessage(bytes);
            assert.equal(answers.length, 1, String(question?.name));
            assert.ok(ids.delete(id), `${id} was not asked, or came twice`);
            if (ids.size === 0) done.resolve();
          });
          for (let i = 0; i < 10; i++) {
            const id = number * 100 + i;
            ids.set(id, WEB);
            // A message that gets no answer between them, to see that slots do not slip.
            client.send(Buffer.from("hello"), port, at);
            client.send(question(i % 5 === 0 ? "www.example.com. A" : WEB, id), port, at);
          }
          await done.promise;
        }),
      );
    });

/** Messages that come back over a connection, in their order. */
function tcpClient(
  t: TestContext,
  port: number,
): {
  socket: Socket;
  send(...messages: Buffer[]): void;
  answers: Buffer[];
  next(count: number): Promise<void>;
} {
  const socket = connect(port, "127.0.0.1");
  t.after(() => socket.destroy());
  socket.on("error", () => {});
  const answers: Buffer[] = [];
  let rest = Buffer.alloc(0);
  let wake = (): void => {};
  socket.on("data", (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
      const end = 2 + rest.readUInt16BE(0);
      answers.push(rest.subarray(2, end));
      rest = rest.subarray(end);
    }
    wake();
  });
  return {
    socket,
    answers,
    send(...messages) {
      socket.write(Buffer.concat(messages.map(framed)));
    },
    async next(count) {
      while (answers.length < count) await new Promise<void>((resolve) => (wake = resolve));
    },
  };
}

function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length, 0);
  return Buffer.concat([length, message]);
}

test("TCP: questions one after the other on a connection, in any pieces, answered whole", async (t) => {
  const { port } = await serve(t);
  const client = tcpClient(t, port);
  const all = Array.from({ length: 300 }, (_, i) =>
    question(i % 3 === 0 ? "www.example.com. A" : i % 3 === 1 ? WEB : "db.default.svc.cluster.local. A", i),
  );
  const bytes = Buffer.concat(all.map(framed));
  for (let at = 0; at < bytes.length; at += 1000) client.socket.write(bytes.subarray(at, at + 1000));
  await client.next(300);
  const ids = client.answers.map((answer) => answer.readUInt16BE(0)).sort((a, b) => a - b);
  assert.deepEqual(ids, Array.from(all.keys()));
  for (const answer of client.answers) {
    const expected = answer.readUInt16BE(0) % 3 === 2 ? 200 : 1;
    assert.equal(readMessage(answer).answers.length, expected);
  }
  // The client says that it asks no more: what it has asked for is still answered.
  client.send(question("www.example.com. A", 999), question(WEB, 1000));
  client.socket.end();
  await client.next(302);
  await once(client.socket, "close");
});

test("TCP: a connection without a whole question is closed, however slowly it drips", async (t) => {
  const { port } = await serve(t, { limits: { idle: 150 } });
  const { socket } = tcpClient(t, port);
  const drip = setInterval(() => socket.write("\0"), 50);
  t.after(() => clearInterval(drip));
  socket.write(Buffer.from([0x10, 0]));
  const began = performance.now();
  // What drips in as it is closed is answered with a reset.
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("close", resolve));
  assert.ok(performance.now() - began < 2000);
});

test("TCP: a client has so many connections and no more", async (t) => {
  const { port } = await serve(t, { limits: { connectionsPerClient: 2 } });
  const clients = [0, 1, 2].map(() => tcpClient(t, port));
  await once(clients[2]!.socket, "close");
  for (const client of clients.slice(0, 2)) {
    client.send(question(WEB));
    await client.next(1);
  }
});

test("a client has so many questions waiting for other servers and no more; the others go on", async (t) => {
  const { port } = await serve(t, { limits: { waitingPerClient: 3 }, outside: () => undefined });
  const client = tcpClient(t, port);
  client.send(
    ...Array.from({ length: 5 }, (_, i) => question(`host-${i}.example.com. A`, i)),
    question(WEB, 5),
  );
  await client.next(3);
  const early = client.answers.map((answer) => [answer.readUInt16BE(0), readMessage(answer).rcode]);
  assert.deepEqual(early, [
    [3, Rcode.SERVFAIL],
    [4, Rcode.SERVFAIL],
    [5, Rcode.NOERROR],
  ]);
  // Nobody answers those: that takes its time, and is told.
  await client.next(6);
  assert.equal(readMessage(client.answers[5]!).rcode, Rcode.SERVFAIL);
});

test("who may not is refused; what was answered is counted", async (t) => {
  const metrics = new DnsMetrics();
  const registry = new Registry();
  metrics.register(registry, { records: () => 7 });
  const { port } = await serve(t, { mayRecurse: () => false, metrics });
  const client = tcpClient(t, port);
  client.send(question("www.example.com. A"), question(WEB), question("nobody.cluster.local. AAAA"));
  await client.next(3);
  assert.deepEqual(
    client.answers.map((answer) => readMessage(answer).rcode),
    [Rcode.REFUSED, Rcode.NOERROR, Rcode.NXDOMAIN],
  );
  const text = await registry.metrics();
  for (const line of [
    'fairlead_dns_requests_total{proto="tcp",type="A"} 2',
    'fairlead_dns_requests_total{proto="tcp",type="AAAA"} 1',
    'fairlead_dns_responses_total{proto="tcp",rcode="NXDOMAIN"} 1',
    'fairlead_dns_responses_total{proto="tcp",rcode="REFUSED"} 1',
    "fairlead_dns_records 7",
  ])
    assert.ok(text.includes(line), `${line} in\n${text}`);
});
