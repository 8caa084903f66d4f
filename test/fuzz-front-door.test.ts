/**
 * The front door under random and mutated requests: never a crash, a 500 or a hang, always a Status with the right code.
 * FUZZ_RUNS sets how many requests each test sends; what once failed is kept in test/fuzz/corpus.json and sent first.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { connect as connectTls } from "node:tls";
import fc from "fast-check";
import { serviceKind } from "../src/api/service/kind.ts";
import {
  hostileHeaders,
  hostilePatchOf,
  hostilePatchRequest,
  hostilePath,
  hostileRead,
  hostileWrite,
} from "./fuzz/arbitraries.ts";
import { type FrontDoor, type FuzzRequest, openFrontDoor } from "./fuzz/front-door.ts";

const RUNS = Number(process.env["FUZZ_RUNS"] ?? 400);
const SERVICE = "/api/v1/namespaces/default/services/web";

const undo: (() => Promise<void>)[] = [];
let door: FrontDoor;

before(async () => {
  door = await openFrontDoor({ after: (work) => void undo.push(work) });
});

after(async () => {
  for (const work of undo.reverse()) await work();
});

/** A Service to read and patch, whatever the requests before have done to it. */
async function webService(): Promise<void> {
  await door.call(SERVICE, { method: "DELETE" });
  const metadata = { name: "web", labels: { app: "web" }, finalizers: [] };
  const spec = { selector: { app: "web" }, ports: [{ name: "http", port: 80 }] };
  const { status } = await door.call("/api/v1/namespaces/default/services", {
    method: "POST",
    body: { apiVersion: "v1", kind: "Service", metadata, spec },
  });
  assert.ok(status === 201 || status === 409, `status ${status}`);
}

async function fuzz(requests: fc.Arbitrary<FuzzRequest>, runs = RUNS): Promise<void> {
  await webService();
  await fc.assert(
    fc.asyncProperty(requests, async (request) => void (await door.check(request))),
    { numRuns: runs, endOnFailure: process.env["CI"] === "true" },
  );
  assert.equal((await door.call("/livez")).text, "ok", "the server lives");
}

test("what once failed does not fail again", async () => {
  const corpus = JSON.parse(
    await readFile(new URL("fuzz/corpus.json", import.meta.url), "utf8"),
  ) as FuzzRequest[];
  assert.ok(corpus.length > 0);
  await webService();
  for (const request of corpus) await door.check(request);
});

test("bodies: broken JSON, broken protobuf, objects with fields of the wrong kind", async () => {
  await fuzz(hostileWrite);
});

test("patches of all types, of objects that are there and of others", async () => {
  await fuzz(hostilePatchRequest);
});

test("patches of one Service that is there", async () => {
  await fuzz(hostilePatchOf(serviceKind, SERVICE));
});

test("lists, watches and gets with selectors, tokens and versions of all sorts", async () => {
  await fuzz(hostileRead);
});

test("paths of anything and nothing", async () => {
  await fuzz(hostilePath);
});

test("headers by which clients say who they are and what they want", async () => {
  await fuzz(hostileHeaders);
});

test("bytes that are no HTTP are answered with 400 or the end of the connection", async () => {
  const { host, port } = door.server.address;
  const start = fc.constantFrom(
    "",
    "GET ",
    "GET / HTTP/1.1\r\n",
    "POST /api HTTP/1.1\r\nhost: x\r\ncontent-length: ",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  );
  await fc.assert(
    fc.asyncProperty(start, fc.uint8Array({ maxLength: 200 }), async (begin, bytes) => {
      const socket = connectTls({ host, port, ...door.credentials });
      // A reset is an end too.
      socket.on("error", () => {});
      const closed = once(socket, "close");
      let text = "";
      socket.on("data", (piece: Buffer) => (text += piece.toString("latin1")));
      await once(socket, "secureConnect");
      socket.end(Buffer.concat([Buffer.from(begin), bytes]));
      await closed;
      assert.ok(text === "" || /^HTTP\/1\.1 (4\d\d|200) /.test(text), text.slice(0, 100));
    }),
    { numRuns: Math.ceil(RUNS / 8) },
  );
  assert.deepEqual(door.faults, []);
  assert.equal((await door.call("/livez")).text, "ok");
});
