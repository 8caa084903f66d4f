/**
 * Any bytes may come from anywhere: the server must neither throw nor take long, and what it says must be a message that
 * is no larger than the client takes. The seeds are real messages (message-corpus.json); everything else is made of them.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { MAX_MESSAGE } from "../net/dns/constants.ts";
import { MalformedMessage } from "../net/dns/malformed.ts";
import { readMessage } from "../net/dns/message.ts";
import { ELSEWHERE } from "./responder.ts";
import { service, slice, testZone } from "./zone-fixture.ts";

const RUNS = 120_000;
/** Milliseconds: the event loop is somebody else's too. */
const LONGEST = 10;

const corpus = JSON.parse(
  readFileSync(new URL("./message-corpus.json", import.meta.url), "utf8"),
) as Readonly<Record<string, string>>;
const seeds = Object.values(corpus).map((hex) => Buffer.from(hex, "hex"));

type Mutation = (bytes: Buffer) => Buffer;

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })).map(([at, value]): Mutation => (bytes) => {
    if (bytes.length > 0) bytes[at % bytes.length] = value;
    return bytes;
  }),
  fc.tuple(fc.nat(), fc.nat(7)).map(([at, bit]): Mutation => (bytes) => {
    if (bytes.length > 0) bytes[at % bytes.length]! ^= 1 << bit;
    return bytes;
  }),
  fc.nat().map(
    (at): Mutation =>
      (bytes) =>
        bytes.subarray(0, at % (bytes.length + 1)),
  ),
  fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 40 })).map(([at, more]): Mutation => (bytes) => {
    const cut = at % (bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, cut), more, bytes.subarray(cut)]);
  }),
  // A compression pointer anywhere, to anywhere.
  fc.tuple(fc.nat(), fc.integer({ min: 0, max: 0x3fff })).map(([at, to]): Mutation => (bytes) => {
    if (bytes.length >= 2) bytes.writeUInt16BE(0xc000 | to, at % (bytes.length - 1));
    return bytes;
  }),
  fc.tuple(fc.nat(), fc.nat()).map(([from, to]): Mutation => (bytes) => {
    const [a, b] = [from % (bytes.length + 1), to % (bytes.length + 1)];
    return Buffer.concat([bytes, bytes.subarray(Math.min(a, b), Math.max(a, b))]);
  }),
);

const message = fc
  .tuple(fc.nat(seeds.length - 1), fc.array(mutation, { maxLength: 6 }))
  .map(([seed, mutations]) =>
    mutations.reduce<Buffer>((bytes, mutate) => mutate(bytes), Buffer.from(seeds[seed]!)),
  );

test(`${RUNS} spoiled messages: an answer that can be read and fits, or none, at once`, () => {
  const zone = testZone();
  zone.names.setService(service("default/web", ["10.96.0.20"], ["http 80/TCP"]));
  zone.names.setService(service("default/db", ["None"], ["sql 5432/TCP"]));
  zone.names.setSlice(
    slice(
      "default/db",
      "a",
      Array.from({ length: 60 }, (_, i) => `10.244.0.${i}`),
      ["sql 5432/TCP"],
    ),
  );
  zone.names.setService(
    service("default/out", [], [], { type: "ExternalName", externalName: "example.com" }),
  );
  const out = Buffer.alloc(MAX_MESSAGE);
  let answered = 0;
  let longest = 0;
  for (const bytes of fc.sample(message, { numRuns: RUNS, seed: 53 })) {
    // Of this thread: what others do with the machine meanwhile is not the message's fault.
    const began = process.threadCpuUsage().user;
    const length = zone.responder.respond(bytes, bytes.length, out, "udp", true);
    longest = Math.max(longest, (process.threadCpuUsage().user - began) / 1000);
    if (length === 0 || length === ELSEWHERE) continue;
    answered++;
    assert.ok(
      length <= Math.max(512, Math.min(1232, zone.responder.query.udpPayload)),
      bytes.toString("hex"),
    );
    const answer = readMessage(Buffer.from(out.subarray(0, length)));
    assert.equal(answer.id, bytes.readUInt16BE(0));
    assert.equal(bytes[2]! & 0x80, 0, "no answer to an answer");
  }
  assert.ok(answered > RUNS / 10, `only ${answered} got an answer`);
  assert.ok(longest < LONGEST, `one took ${longest} ms`);
});

test("a reader of other servers' answers gets a message, or says that it is none", () => {
  fc.assert(
    fc.property(message, (bytes) => {
      try {
        readMessage(bytes);
      } catch (error) {
        assert.ok(error instanceof MalformedMessage, String(error));
      }
    }),
    { numRuns: 20_000 },
  );
});

test("compression that goes round, forward or out of the message is no name", () => {
  const header = Buffer.from("000081800000000100000000", "hex");
  for (const name of ["c00c", "c00e", "c0ff", "ffff", "03777777c00c", "01610162c00c", "c0"])
    assert.throws(
      () => readMessage(Buffer.concat([header, Buffer.from(name, "hex"), Buffer.alloc(10)])),
      MalformedMessage,
      name,
    );
});
