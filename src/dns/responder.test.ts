/** What the server does with each kind of message, good and bad, by the RFCs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Flag, MAX_MESSAGE, OPT_LENGTH, Type } from "../net/dns/constants.ts";
import { readMessage } from "../net/dns/message.ts";
import { questionMessage } from "../net/dns/query.ts";
import { messageText } from "../net/dns/text.ts";
import { parseQuestion, service, slice, testZone } from "./zone-fixture.ts";

const WEB = "web.default.svc.cluster.local.";

function zoneWithWeb(): ReturnType<typeof testZone> {
  const zone = testZone();
  zone.names.setService(service("default/web", ["10.96.0.20"]));
  return zone;
}

/** A question for WEB, whose bytes `change` may spoil. */
function spoiled(change: (bytes: Buffer) => Buffer | void, edns = true): Buffer {
  const bytes = questionMessage({
    ...parseQuestion(`${WEB} A`),
    id: 0x1234,
    flags: Flag.RD,
    ...(edns && { udpPayload: 1232 }),
  });
  return change(bytes) ?? bytes;
}

function send(message: Buffer, transport: "udp" | "tcp" = "udp", mayRecurse = true): Buffer {
  const out = Buffer.alloc(MAX_MESSAGE);
  const length = zoneWithWeb().responder.respond(message, message.length, out, transport, mayRecurse);
  return out.subarray(0, Math.max(0, length));
}

test("messages that are no questions get what the RFCs say, or nothing", () => {
  const optAt = (bytes: Buffer): number => bytes.length - OPT_LENGTH;
  const table: readonly (readonly [what: string, message: Buffer, answer: string, length?: number])[] = [
    ["nothing", Buffer.alloc(0), "silence"],
    ["a part of a header", spoiled((bytes) => bytes.subarray(0, 11)), "silence"],
    ["an answer", spoiled((bytes) => void bytes.writeUInt16BE(Flag.QR, 2)), "silence"],
    ["NOTIFY", spoiled((bytes) => void bytes.writeUInt16BE(4 << 11, 2)), "NOTIMP RA", 12],
    ["UPDATE", spoiled((bytes) => void bytes.writeUInt16BE(5 << 11, 2)), "NOTIMP RA", 12],
    ["no question", spoiled((bytes) => void bytes.writeUInt16BE(0, 4)), "FORMERR RD RA", 12],
    ["two questions", spoiled((bytes) => void bytes.writeUInt16BE(2, 4)), "FORMERR RD RA", 12],
    ["a name that does not end", spoiled((bytes) => bytes.subarray(0, 20), false), "FORMERR RD RA", 12],
    ["a question without a class", spoiled((bytes) => bytes.subarray(0, -2), false), "FORMERR RD RA", 12],
    [
      "a pointer in the question",
      spoiled((bytes) => void bytes.writeUInt16BE(0xc00c, 12)),
      "FORMERR RD RA",
      12,
    ],
    ["a label type that does not exist", spoiled((bytes) => void (bytes[12] = 0x43)), "FORMERR RD RA", 12],
    ["class CH", spoiled((bytes) => void bytes.writeUInt16BE(3, optAt(bytes) - 2)), "REFUSED RD RA"],
    ["class ANY", spoiled((bytes) => void bytes.writeUInt16BE(255, optAt(bytes) - 2)), "REFUSED RD RA"],
    ["AXFR", spoiled((bytes) => void bytes.writeUInt16BE(Type.AXFR, optAt(bytes) - 4)), "REFUSED RD RA"],
    [
      "a question for OPT",
      spoiled((bytes) => void bytes.writeUInt16BE(Type.OPT, optAt(bytes) - 4)),
      "FORMERR RD RA",
    ],
    ["a record that is cut off", spoiled((bytes) => bytes.subarray(0, -3)), "FORMERR RD RA"],
    ["counts that lie", spoiled((bytes) => void bytes.writeUInt16BE(9, 10)), "FORMERR RD RA"],
    [
      "two OPT records",
      spoiled((bytes) => {
        bytes.writeUInt16BE(2, 10);
        return Buffer.concat([bytes, bytes.subarray(optAt(bytes))]);
      }),
      "FORMERR RD RA",
    ],
    ["EDNS version 1", spoiled((bytes) => void (bytes[optAt(bytes) + 6] = 1)), "NOERROR RD RA"],
    [
      "a name outside",
      questionMessage({ ...parseQuestion("example.com. A"), id: 1, flags: 0 }),
      "REFUSED RA",
    ],
  ];
  for (const [what, message, expected, length] of table) {
    const answer = send(message);
    const text = answer.length === 0 ? "silence" : messageText(readMessage(Buffer.from(answer)))[0];
    assert.equal(text, expected, what);
    if (length !== undefined) assert.equal(answer.length, length, what);
  }
});

test("EDNS: unknown options are ignored, DO comes back, a new version is BADVERS with ours", () => {
  const opt = (answer: Buffer): string => answer.subarray(-OPT_LENGTH).toString("hex");
  const withOptions = spoiled((bytes) => {
    // NSID and one that does not exist.
    const options = Buffer.from("00030000fde80003010203", "hex");
    bytes.writeUInt16BE(options.length, bytes.length - 2);
    return Buffer.concat([bytes, options]);
  });
  assert.equal(opt(send(withOptions)), "00002904d0000000000000");
  const brokenOptions = spoiled((bytes) => {
    bytes.writeUInt16BE(3, bytes.length - 2);
    return Buffer.concat([bytes, Buffer.from("000300", "hex")]);
  });
  assert.equal(readMessage(send(brokenOptions)).rcode, 1);
  const dnssec = spoiled((bytes) => void bytes.writeUInt16BE(0x8000, bytes.length - 4));
  assert.equal(opt(send(dnssec)), "00002904d0000080000000");
  const version1 = spoiled((bytes) => void (bytes[bytes.length - 5] = 1));
  assert.equal(opt(send(version1)), "00002904d0010000000000");
  assert.equal(readMessage(send(version1)).answers.length, 0);
  // Without EDNS in the question there is none in the answer.
  assert.equal(readMessage(send(spoiled(() => {}, false))).additional.length, 0);
});

test("ANY gets one small record, and names outside are refused to strangers", () => {
  const zone = zoneWithWeb();
  assert.deepEqual(zone.ask(`${WEB} ANY`), ["NOERROR AA RD RA", `${WEB} 3600 IN HINFO "RFC8482" ""`]);
  assert.deepEqual(zone.ask("example.com. ANY"), [
    "NOERROR RD RA",
    `example.com. 3600 IN HINFO "RFC8482" ""`,
  ]);
  assert.equal(zone.ask("svc.cluster.local. ANY")[0], "NOERROR AA RD RA");
  assert.equal(zone.ask("x.cluster.local. ANY")[0], "NXDOMAIN AA RD RA");
  const outside = questionMessage({ ...parseQuestion("example.com. A"), id: 1, flags: Flag.RD });
  const answer = send(outside, "udp", false);
  assert.deepEqual(messageText(readMessage(answer)), ["REFUSED RD"]);
  assert.equal(answer.length, outside.length);
});

test("what does not fit is left out with TC, at the client's size and never above ours", () => {
  const zone = testZone();
  zone.names.setService(service("default/db", ["None"], ["sql 5432/TCP"]));
  const addresses = Array.from({ length: 100 }, (_, i) => `10.244.0.${i}`);
  zone.names.setSlice(slice("default/db", "a", addresses, ["sql 5432/TCP"]));
  const question = parseQuestion("db.default.svc.cluster.local. A");
  const base = 12 + question.name.length + 4;
  const ask = (
    edns: number | undefined,
    transport: "udp" | "tcp",
  ): [length: number, records: number, tc: boolean] => {
    const message = questionMessage({
      ...question,
      id: 1,
      flags: 0,
      ...(edns !== undefined && { udpPayload: edns }),
    });
    const out = Buffer.alloc(MAX_MESSAGE);
    const length = zone.responder.respond(message, message.length, out, transport, true);
    const { answers, flags } = readMessage(Buffer.from(out.subarray(0, length)));
    assert.equal(new Set(answers.map(({ rdata }) => String(rdata[0]))).size, answers.length);
    return [length, answers.length, (flags & Flag.TC) !== 0];
  };
  const fitting = (limit: number, reserved: number): number => Math.floor((limit - reserved - base) / 16);
  const size = (records: number, reserved: number): number => base + 16 * records + reserved;
  for (const [edns, limit] of [
    [undefined, 512],
    [0, 512],
    [512, 512],
    [900, 900],
    [1232, 1232],
    [4096, 1232],
    [65_535, 1232],
  ] as const) {
    const reserved = edns === undefined ? 0 : OPT_LENGTH;
    const records = fitting(limit, reserved);
    assert.deepEqual(ask(edns, "udp"), [size(records, reserved), records, true], `${edns}`);
  }
  assert.deepEqual(ask(undefined, "tcp"), [size(100, 0), 100, false]);
  assert.deepEqual(ask(512, "tcp"), [size(100, OPT_LENGTH), 100, false]);
});

test("additional records are left out without TC; more than a message holds is cut even over TCP", () => {
  const zone = testZone();
  zone.names.setService(service("default/db", ["None"], ["sql 5432/TCP"]));
  zone.names.setSlice(
    slice(
      "default/db",
      "a",
      Array.from({ length: 6 }, (_, i) => `10.244.0.${i}`),
      ["sql 5432/TCP"],
    ),
  );
  const srv = { text: "_sql._tcp.db.default.svc.cluster.local. SRV" };
  const small = zone.ask({ ...srv, edns: 512 });
  assert.equal(small[0], "NOERROR AA RD RA");
  assert.equal(small.length, 7);
  assert.equal(zone.ask({ ...srv, edns: 1232 }).length, 13);

  for (let i = 0; i < 50; i++)
    zone.names.setSlice(
      slice(
        "default/db",
        `more-${i}`,
        Array.from({ length: 100 }, (_, j) => `10.245.${i}.${j}`),
      ),
    );
  const all = zone.ask({ text: "db.default.svc.cluster.local. A", transport: "tcp" });
  assert.equal(all[0], "NOERROR AA TC RD RA");
  assert.ok(all.length > 4000, String(all.length));
});

test("addresses of a name come in every order, so that clients spread", () => {
  const zone = testZone();
  zone.names.setService(service("default/db", ["None"]));
  zone.names.setSlice(slice("default/db", "a", ["10.244.0.1", "10.244.0.2", "10.244.0.3"]));
  const first = new Set<string | undefined>();
  for (let i = 0; i < 200; i++) {
    const lines = zone.ask("db.default.svc.cluster.local. A");
    assert.equal(new Set(lines).size, 4);
    first.add(lines[1]);
  }
  assert.equal(first.size, 3);
});
