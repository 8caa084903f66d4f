/** Names outside of the cluster: what is asked of whom, what is remembered for how long, and whom we believe. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Flag, MAX_MESSAGE, Rcode, Type } from "../net/dns/constants.ts";
import { readMessage } from "../net/dns/message.ts";
import { name } from "../net/dns/name.ts";
import { questionMessage } from "../net/dns/query.ts";
import type { ResourceRecord } from "../net/dns/record.ts";
import { messageText } from "../net/dns/text.ts";
import { AnswerCache, type AnswerCacheOptions } from "./answer-cache.ts";
import { address, type FakeResolver, fakeResolver, type FakeZone, soa } from "./fake-resolver.ts";
import { Forwarder } from "./forwarder.ts";
import type { ServerAddress } from "./resolv-conf.ts";
import { ELSEWHERE, Responder } from "./responder.ts";
import { createUpstream } from "./upstream.ts";
import { parseQuestion, service, testZone } from "./zone-fixture.ts";

interface Setup extends AnswerCacheOptions {
  readonly timeout?: number;
}

interface Lab {
  readonly cache: AnswerCache;
  readonly names: ReturnType<typeof testZone>["names"];
  /** The answer as text; `edns` as in questions. */
  readonly ask: (text: string, edns?: number, flags?: number) => Promise<string[]>;
}

function lab(servers: readonly ServerAddress[], { timeout = 300, ...options }: Setup = {}): Lab {
  const { names } = testZone();
  const cache = new AnswerCache(options);
  const upstream = createUpstream({ servers: async () => servers, timeout, deadline: 1500 });
  const forwarder = new Forwarder({ upstream, cache });
  const responder = new Responder(names, { firstSerial: 0 }, cache);
  const out = Buffer.alloc(MAX_MESSAGE);
  return {
    cache,
    names,
    async ask(text, edns, flags = Flag.RD) {
      const message = questionMessage({
        ...parseQuestion(text),
        id: 9,
        flags,
        ...(edns !== undefined && { udpPayload: edns }),
      });
      const length = responder.respond(message, message.length, out, "udp", true);
      const bytes =
        length === ELSEWHERE
          ? await forwarder.answer(responder, message, "udp")
          : Buffer.from(out.subarray(0, length));
      assert.ok(bytes.length <= Math.max(512, edns ?? 0));
      assert.equal(bytes.readUInt16BE(0), 9);
      assert.equal(bytes.toString("latin1", 12, 20), message.toString("latin1", 12, 20));
      return messageText(readMessage(bytes));
    },
  };
}

const A = "192.0.2.1";

function fixed(
  answers: readonly ResourceRecord[],
  authority: readonly ResourceRecord[] = [],
  rcode = 0,
): FakeZone {
  return () => ({ answers, authority, rcode, flags: Flag.RA });
}

test("an answer is kept as long as its TTL, which counts down; authority that nobody needs is left out", async () => {
  await using resolver = await fakeResolver(
    fixed(
      [address("www.example.com", 60, A), address("www.example.com", 30, "192.0.2.2")],
      [{ owner: name("example.com"), type: Type.NS, ttl: 60, rdata: [name("ns.example.com")] }],
    ),
  );
  let now = 1000;
  const { ask, cache } = lab([resolver.at], { clock: () => now });
  const answer = (first: number, second: number): string[] => [
    "NOERROR RD RA",
    `www.example.com. ${first} IN A ${A}`,
    `www.example.com. ${second} IN A 192.0.2.2`,
  ];
  assert.deepEqual(await ask("www.example.com. A"), answer(60, 30));
  now += 29_500;
  assert.deepEqual(await ask("WWW.Example.com. A"), answer(31, 1));
  assert.equal(resolver.asked.length, 1);
  now += 600;
  assert.deepEqual(await ask("www.example.com. A"), answer(60, 30));
  assert.equal(resolver.asked.length, 2);
  assert.deepEqual([cache.hits, cache.misses], [1, 2]);
});

test("what does not exist is remembered as long as the zone's SOA says", async () => {
  await using resolver = await fakeResolver((query) => ({
    rcode: query.key.startsWith("\x04none") ? Rcode.NXDOMAIN : Rcode.NOERROR,
    authority: [soa("example.com", 100, 20)],
  }));
  let now = 0;
  const { ask } = lab([resolver.at], { clock: () => now });
  for (const [question, status] of [
    ["none.example.com. A", "NXDOMAIN RD RA"],
    ["www.example.com. AAAA", "NOERROR RD RA"],
  ] as const) {
    const before = resolver.asked.length;
    const negative = await ask(question);
    assert.equal(negative[0], status);
    assert.match(negative[1]!, /^authority: example\.com\. 100 IN SOA/);
    now += 19_000;
    assert.match((await ask(question))[1]!, /^authority: example\.com\. 81 IN SOA/);
    assert.equal(resolver.asked.length, before + 1);
    now += 1100;
    await ask(question);
    assert.equal(resolver.asked.length, before + 2);
  }
});

test("a question that is under way is asked once", async () => {
  await using resolver = await fakeResolver(fixed([address("www.example.com", 0, A)]));
  const { ask } = lab([resolver.at]);
  const all = await Promise.all(Array.from({ length: 20 }, async () => ask("www.example.com. A")));
  assert.equal(resolver.asked.length, 1);
  for (const answer of all) assert.equal(answer[1], `www.example.com. 0 IN A ${A}`);
  // A TTL of zero is for those who waited only.
  await ask("www.example.com. A");
  assert.equal(resolver.asked.length, 2);
});

test("the cache is bounded: the least recently used goes", async () => {
  await using resolver = await fakeResolver((query) => ({
    answers: [{ owner: query.key, type: Type.A, ttl: 60, rdata: [Buffer.alloc(4)] }],
  }));
  const { ask, cache } = lab([resolver.at], { entries: 3 });
  for (const host of ["a", "b", "c", "a", "d"]) await ask(`${host}.example. A`);
  assert.equal(cache.size, 3);
  assert.equal(resolver.asked.length, 4);
  await ask("a.example. A");
  assert.equal(resolver.asked.length, 4);
  await ask("b.example. A");
  assert.equal(resolver.asked.length, 5);
});

test("an answer that was cut off is asked for over TCP, and cut off again for a client that takes less", async () => {
  const many = Array.from({ length: 60 }, (_, i) => address("big.example", 60, `192.0.2.${i}`));
  await using resolver = await fakeResolver((_query, transport) =>
    transport === "udp" ? { flags: Flag.TC } : { answers: many },
  );
  const { ask } = lab([resolver.at]);
  const answer = await ask("big.example. A", 1232);
  assert.equal(answer[0], "NOERROR RD RA");
  assert.equal(answer.length, 61);
  assert.deepEqual(resolver.asked, ["udp 1", "tcp 1"]);
  const small = await ask("big.example. A");
  assert.equal(small[0], "NOERROR TC RD RA");
  assert.equal(small.length, 1 + Math.floor((512 - 12 - 17) / 16));
});

test("the next server is asked when one is silent, fails or refuses; SERVFAIL if none knows", async () => {
  await using good = await fakeResolver(fixed([address("www.example.com", 60, A)]));
  await using silent = await fakeResolver(() => undefined);
  await using failing = await fakeResolver(fixed([], [], Rcode.SERVFAIL));
  const closed = await fakeResolver(() => undefined);
  await closed[Symbol.asyncDispose]();
  const expected = ["NOERROR RD RA", `www.example.com. 60 IN A ${A}`];
  for (const bad of [silent, failing, closed] as FakeResolver[]) {
    const { ask } = lab([bad.at, good.at], { timeout: 100 });
    assert.deepEqual(await ask("www.example.com. A"), expected);
  }
  // The silent one is left alone for a while.
  const { ask } = lab([silent.at, good.at], { timeout: 100 });
  const before = silent.asked.length;
  await ask("www.example.com. A");
  await ask("www.example.com. AAAA");
  assert.equal(silent.asked.length, before + 1);
  assert.deepEqual(await lab([failing.at]).ask("www.example.com. A"), ["SERVFAIL RD RA"]);
  assert.deepEqual(await lab([closed.at]).ask("www.example.com. A"), ["SERVFAIL RD RA"]);
  assert.deepEqual(await lab([]).ask("www.example.com. A"), ["SERVFAIL RD RA"]);
});

test("only an answer to the very question counts", async () => {
  const right = address("www.example.com", 60, A);
  const wrong = address("www.example.com", 60, "203.0.113.66");
  const changes: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
    "another id": (bytes) => {
      bytes.writeUInt16BE(bytes.readUInt16BE(0) ^ 1, 0);
      return bytes;
    },
    "another question": (bytes) => {
      bytes[14]! ^= 3;
      return bytes;
    },
    "another type": (bytes) => {
      bytes[12 + 17 + 1] = Type.AAAA;
      return bytes;
    },
    "a question again": (bytes) => {
      bytes[2]! &= 0x7f;
      return bytes;
    },
    "a name that goes round": (bytes) => {
      bytes.writeUInt16BE(0xc000 | (bytes.length - 16), bytes.length - 16);
      return bytes;
    },
    "cut off": (bytes) => bytes.subarray(0, -3),
  };
  for (const [what, change] of Object.entries(changes)) {
    await using liar = await fakeResolver((_query, transport) =>
      transport === "udp" ? { answers: [wrong], change } : undefined,
    );
    await using good = await fakeResolver(fixed([right]));
    const { ask } = lab([liar.at, good.at], { timeout: 100 });
    assert.deepEqual((await ask("www.example.com. A"))[1], `www.example.com. 60 IN A ${A}`, what);
  }
});

test("a server that writes the question in its own letters is believed over TCP only", async () => {
  await using resolver = await fakeResolver(() => ({
    answers: [address("www.example.com", 60, A)],
    change(bytes) {
      bytes.write("\x03WWW\x07EXAMPLE\x03COM", 12, "latin1");
      return bytes;
    },
  }));
  const { ask } = lab([resolver.at]);
  assert.deepEqual((await ask("www.example.com. A"))[1], `www.example.com. 60 IN A ${A}`);
  assert.deepEqual(resolver.asked, ["udp 1", "tcp 1"]);
});

test("an ExternalName is followed to the outside: our CNAME, their records, their rcode", async () => {
  await using resolver = await fakeResolver((query) =>
    query.key.startsWith("\x03www")
      ? {
          answers: [
            { owner: name("www.example.com"), type: Type.CNAME, ttl: 300, rdata: [name("real.example.net")] },
            address("real.example.net", 60, A),
          ],
        }
      : { rcode: Rcode.NXDOMAIN, authority: [soa("example.com", 60, 60)] },
  );
  let now = 0;
  const { ask, names } = lab([resolver.at], { clock: () => now });
  const external = (at: string, externalName: string): void =>
    names.setService(service(at, [], [], { type: "ExternalName", externalName }));
  external("default/out", "www.example.com");
  external("default/gone", "gone.example.com");
  await ask("out.default.svc.cluster.local. A");
  now += 10_000;
  assert.deepEqual(await ask("out.default.svc.cluster.local. A"), [
    "NOERROR AA RD RA",
    "out.default.svc.cluster.local. 5 IN CNAME www.example.com.",
    "www.example.com. 290 IN CNAME real.example.net.",
    `real.example.net. 50 IN A ${A}`,
  ]);
  const gone = await ask("gone.default.svc.cluster.local. A");
  assert.deepEqual(gone.slice(0, 2), [
    "NXDOMAIN AA RD RA",
    "gone.default.svc.cluster.local. 5 IN CNAME gone.example.com.",
  ]);
  assert.match(gone[2]!, /^authority: example\.com\. 60 IN SOA/);
  assert.deepEqual(await ask("out.default.svc.cluster.local. A", undefined, 0), [
    "NOERROR AA RA",
    "out.default.svc.cluster.local. 5 IN CNAME www.example.com.",
  ]);
});
