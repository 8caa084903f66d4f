/**
 * Clients that ask too much, too slowly or for ever, on real sockets; each time another client's requests all succeed
 * beside them. Needs no root.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect as connectHttp2, constants } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { setTimeout as passed } from "node:timers/promises";
import type { KeyPair } from "../src/server/security/certificates.ts";
import { createMemoryStore } from "../src/store/memory/memory-store.ts";
import type { Store } from "../src/store/store.ts";
import { type ApiFixture, type Reply, startApi } from "./api-fixture.ts";
import { createUser, type TestUser } from "./user-fixture.ts";
import { until } from "./lab/eventually.ts";

const SERVICES = "/api/v1/namespaces/default/services";
const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const GROUP = "rbac.authorization.k8s.io";
/**
 * What a good client's request may take while others misbehave, milliseconds: on an idle machine it is below 200. All
 * clients and the server are in this one process, which may have to share the machine with much else.
 */
const PROMPT = 5000;

/** Lets everybody who is known read and write services. */
async function admitAll(api: ApiFixture): Promise<void> {
  const rules = [{ verbs: ["*"], apiGroups: [""], resources: ["services"] }];
  const roleRef = { apiGroup: GROUP, kind: "ClusterRole", name: "all" };
  const subjects = [{ kind: "Group", name: "system:authenticated" }];
  for (const [plural, body] of [
    ["clusterroles", { kind: "ClusterRole", rules }],
    ["clusterrolebindings", { kind: "ClusterRoleBinding", roleRef, subjects }],
  ] as const) {
    const whole = { apiVersion: `${GROUP}/v1`, metadata: { name: "all" }, ...body };
    const reply = await api.call(`${RBAC}/${plural}`, { method: "POST", body: whole });
    assert.equal(reply.status, 201, reply.text);
  }
}

/** Asks again and again while `work` goes on. Every answer must be 200, and soon. */
async function besides(t: TestContext, user: TestUser, work: Promise<unknown>): Promise<void> {
  const state = { done: false };
  const finished = work.finally(() => (state.done = true));
  let asked = 0;
  let slowest = 0;
  do {
    const started = performance.now();
    const { status, text } = await user.call(`${SERVICES}/kubernetes`);
    slowest = Math.max(slowest, performance.now() - started);
    assert.equal(status, 200, text);
    asked++;
    await passed(5);
  } while (!state.done);
  await finished;
  const outcome = `the slowest of ${asked} requests took ${Math.round(slowest)} ms`;
  t.diagnostic(outcome);
  assert.ok(slowest < PROMPT, outcome);
}

/** A connection without a request yet, as the administrator or as nobody. */
async function rawSocket(t: TestContext, api: ApiFixture, known: boolean): Promise<TLSSocket> {
  const { cert, key } = api.credentials;
  return rawSocketAs(t, api, known ? { certificate: cert, key } : undefined);
}

async function rawSocketAs(t: TestContext, api: ApiFixture, pair: KeyPair | undefined): Promise<TLSSocket> {
  const { ca } = api.credentials;
  const { host, port } = api.server.address;
  const own = pair !== undefined && { cert: pair.certificate, key: pair.key };
  const socket = connect({ host, port, ca, ...own, ALPNProtocols: ["http/1.1"] });
  t.after(() => socket.destroy());
  socket.on("error", () => {});
  await once(socket, "secureConnect");
  return socket;
}

/** All that comes until the connection ends. */
async function everything(socket: TLSSocket): Promise<string> {
  let text = "";
  socket.on("data", (piece: Buffer) => (text += piece.toString()));
  // Not by events.once, for which a reset is a failure.
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
  return text;
}

/** A store whose lists of services in the namespace "slow" wait until they are let go. */
function slowStore(): {
  readonly store: Store;
  readonly waiting: () => number;
  readonly letGo: () => void;
} {
  const inner = createMemoryStore();
  const gate = Promise.withResolvers<void>();
  let waiting = 0;
  const list: Store["list"] = async (prefix, options) => {
    if (prefix.includes("/services/slow/")) {
      waiting++;
      await gate.promise;
      waiting--;
    }
    return inner.list(prefix, options);
  };
  const store = new Proxy(inner, {
    get(target, name) {
      if (name === "list") return list;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
  return { store, waiting: () => waiting, letGo: () => gate.resolve() };
}

/** A watch of services on a connection of its own, as soon as it has begun. */
async function watchAs(t: TestContext, api: ApiFixture, user: TestUser): Promise<TLSSocket> {
  const { socket, status } = await openAs(t, api, user, `${SERVICES}?watch=true`);
  assert.equal(status, 200);
  return socket;
}

async function openAs(
  t: TestContext,
  api: ApiFixture,
  user: TestUser,
  path: string,
): Promise<{ readonly socket: TLSSocket; readonly status: number }> {
  const socket = await rawSocketAs(t, api, user.credentials);
  socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
  const [head] = (await once(socket, "data")) as [Buffer];
  return { socket, status: Number(head.toString().split(" ")[1]) };
}

/** The first answer that has another status: the server hears of an end a moment later. */
async function eventually<T extends { readonly status: number }>(
  ask: () => Promise<T>,
  not: number,
): Promise<T> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const reply = await ask();
    if (reply.status !== not || Date.now() > deadline) return reply;
    await passed(5);
  }
}

test("too many requests at once: 429 for the noisy one, its turn for everybody, none for the administrator", async (t) => {
  const { store, waiting, letGo } = slowStore();
  const api = await startApi(t, { store, limits: { maxReading: 4, maxWaiting: 4 } });
  await admitAll(api);
  const noisy = await createUser(t, api, "noisy");
  const calm = await createUser(t, api, "calm");
  const slow = "/api/v1/namespaces/slow/services";
  const refused: Reply[] = [];
  const flood = Array.from({ length: 30 }, async () => {
    const reply = await noisy.call(slow);
    if (reply.status === 429) refused.push(reply);
  });
  // Four are under way, four wait, the rest is refused.
  await until(() => refused.length === 22);
  assert.equal(waiting(), 4);
  // The queue is full of the noisy one's requests; one of them makes room for this.
  let calmStatus = 0;
  const asked = calm.call(`${SERVICES}/kubernetes`).then(({ status }) => void (calmStatus = status));
  // It has its place.
  await until(() => refused.length === 23);
  assert.equal((await api.call(`${SERVICES}/kubernetes`)).status, 200, "system:masters need not wait");
  assert.equal((await api.call("/readyz", { anonymous: true })).status, 200, "health is not counted");
  assert.equal(
    (
      await noisy.call(SERVICES, {
        method: "POST",
        body: { apiVersion: "v1", kind: "Service", metadata: { name: "a" }, spec: { ports: [{ port: 80 }] } },
      })
    ).status,
    201,
    "changing is counted apart",
  );
  letGo();
  await asked;
  assert.equal(calmStatus, 200);
  await Promise.all(flood);
  assert.equal(refused.length, 23);
  const [first] = refused;
  assert.equal(first!.headers["retry-after"], "1");
  assert.deepEqual(first!.json(), {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: "Too many requests, please try again later.",
    reason: "TooManyRequests",
    details: { retryAfterSeconds: 1 },
    code: 429,
  });
  // All places are free again.
  await besides(t, calm, Promise.all(Array.from({ length: 8 }, async () => noisy.call(SERVICES))));
});

test("watches are not counted among the requests that take turns", async (t) => {
  const api = await startApi(t, { limits: { maxReading: 1, maxWaiting: 0 } });
  await admitAll(api);
  const calm = await createUser(t, api, "calm");
  for (let i = 0; i < 10; i++) {
    const watch = await api.open(`${SERVICES}?watch=true`);
    t.after(() => watch.destroy());
  }
  assert.equal((await calm.call(SERVICES)).status, 200);
});

/** The Status of a 429, which must say when to come back. */
function tooMany(reply: Reply): string {
  assert.equal(reply.status, 429, reply.text);
  assert.equal(reply.headers["retry-after"], "5");
  const { reason, message } = reply.json();
  assert.equal(reason, "TooManyRequests");
  return String(message);
}

test("watches: so many of each user, more of system:masters; whoever impersonates counts as who they are", async (t) => {
  const api = await startApi(t, { limits: { maxWatchesPerUser: 3, maxWatches: 5 } });
  await admitAll(api);
  const noisy = await createUser(t, api, "noisy");
  const calm = await createUser(t, api, "calm");
  const third = await createUser(t, api, "third");
  const path = `${SERVICES}?watch=true`;
  const session = connectHttp2(api.server.url, {
    ca: api.credentials.ca,
    cert: noisy.credentials.certificate,
    key: noisy.credentials.key,
  });
  t.after(() => session.destroy());
  const streams = await Promise.all(
    [0, 1, 2].map(async () => {
      const stream = session.request({ ":path": path });
      const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
      assert.equal(headers[":status"], 200);
      return stream;
    }),
  );
  assert.equal(
    tooMany(await noisy.call(path)),
    'Too many watches: "noisy" has as many open as one user may, please try again later.',
  );
  assert.equal((await noisy.call(SERVICES)).status, 200, "other requests are not hindered");
  // Five of all users together.
  const kept = await Promise.all([0, 1].map(async () => watchAs(t, api, calm)));
  assert.equal(tooMany(await third.call(path)), "Too many watches are open, please try again later.");
  // A watch that is refused for another reason leaves its place.
  streams[0]!.destroy();
  for (let i = 0; i < 3; i++) {
    const reply = await eventually(async () => third.call(`${path}&resourceVersion=x`), 429);
    assert.equal(reply.status, 400, reply.text);
  }
  const last = await watchAs(t, api, third);
  // The administrator's bound is six, apart from all others'.
  const impersonated = { headers: { "impersonate-user": "calm" } };
  for (let i = 0; i < 6; i++) {
    const watch = await api.open(path, i % 2 === 0 ? {} : impersonated);
    assert.equal(watch.statusCode, 200);
    t.after(() => watch.destroy());
  }
  assert.match(tooMany(await api.call(path, impersonated)), /^Too many watches: "fairlead-admin" /);
  for (const socket of [...kept, last]) socket.destroy();
  const again = await eventually(async () => openAs(t, api, calm, path), 429);
  assert.equal(again.status, 200, "what has ended does not count");
});

test("connections: one user's do not use up all, and what is refused says so and ends", async (t) => {
  const api = await startApi(t, { limits: { maxConnections: 40, maxConnectionsPerUser: 5 } });
  await admitAll(api);
  const noisy = await createUser(t, api, "noisy");
  const calm = await createUser(t, api, "calm");
  const sockets = await Promise.all(
    Array.from({ length: 30 }, async () => rawSocketAs(t, api, noisy.credentials)),
  );
  const answers = await Promise.all(
    sockets.map(async (socket) => {
      socket.write(`GET ${SERVICES}/kubernetes HTTP/1.1\r\nhost: x\r\n\r\n`);
      return String((await once(socket, "data"))[0]);
    }),
  );
  const good = answers.filter((answer) => answer.startsWith("HTTP/1.1 200 "));
  const refused = answers.filter((answer) => answer.startsWith("HTTP/1.1 429 "));
  assert.deepEqual([good.length, refused.length], [5, 25]);
  for (const answer of refused)
    assert.match(
      answer,
      /\r\nconnection: close\r\n[\s\S]*\r\nretry-after: 5\r\n[\s\S]*Too many connections: \\"noisy\\" has as many/i,
    );
  // Those that were refused have ended.
  await until(() => sockets.filter((s) => !s.closed).length === 5);
  await besides(t, calm, passed(50));
  // Over HTTP/2 the session goes away after its answer.
  const { certificate: cert, key } = noisy.credentials;
  const session = connectHttp2(api.server.url, { ca: api.credentials.ca, cert, key });
  t.after(() => session.destroy());
  const closed = once(session, "close");
  const stream = session.request({ ":path": SERVICES });
  const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
  assert.deepEqual([headers[":status"], headers["retry-after"]], [429, "5"]);
  stream.resume();
  await closed;
  for (const socket of sockets) socket.destroy();
  assert.equal(
    (await eventually(async () => noisy.call(SERVICES), 429)).status,
    200,
    "closed ones do not count",
  );
});

test("connections of whoever has a token count as theirs", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "fairlead-flow-"));
  t.after(async () => rm(directory, { recursive: true }));
  const tokenAuthFile = join(directory, "tokens.csv");
  await writeFile(tokenAuthFile, "hush,noisy,1\n", { mode: 0o600 });
  const api = await startApi(t, { tokenAuthFile, limits: { maxConnectionsPerUser: 2 } });
  await admitAll(api);
  const ask = `GET ${SERVICES}/kubernetes HTTP/1.1\r\nhost: x\r\nauthorization: Bearer hush\r\n\r\n`;
  const codes: (string | undefined)[] = [];
  for (let i = 0; i < 4; i++) {
    const socket = await rawSocket(t, api, false);
    // The second request of a connection that is known is as good as the first.
    for (let again = 0; again < (i < 2 ? 2 : 1); again++) {
      socket.write(ask);
      codes.push(/^HTTP\/1\.1 (\d+) /.exec(String((await once(socket, "data"))[0]))?.[1]);
    }
  }
  assert.deepEqual(codes, ["200", "200", "200", "200", "429", "429"]);
});

test("a request that takes too long is answered 504, within the time that it asked for", async (t) => {
  const { store, letGo } = slowStore();
  const api = await startApi(t, { store });
  const started = performance.now();
  const reply = await api.call("/api/v1/namespaces/slow/services?timeout=200ms");
  assert.ok(performance.now() - started < 3000);
  assert.equal(reply.status, 504);
  const { message, reason, code } = reply.json();
  assert.deepEqual(
    [message, reason, code],
    ["Timeout: request did not complete within the allotted timeout", "Timeout", 504],
  );
  letGo();
  assert.equal((await api.call(`${SERVICES}?timeout=200ms`)).status, 200);
  assert.equal((await api.call(`${SERVICES}?timeout=soon`)).status, 400);
});

test("bodies: too large is 413, stalled is 408, endless ends", async (t) => {
  const api = await startApi(t, { limits: { bodyTimeout: 500 } });
  await admitAll(api);
  const calm = await createUser(t, api, "calm");
  const head = (more: string): string =>
    `POST ${SERVICES} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${more}\r\n\r\n`;

  const large = await rawSocket(t, api, true);
  large.write(head("content-length: 4000000"));
  assert.match(
    String((await once(large, "data"))[0]),
    /^HTTP\/1\.1 413 [\s\S]*"Request entity too large: limit is 3145728"[\s\S]*"RequestEntityTooLarge"/,
  );

  const stalled = await rawSocket(t, api, true);
  stalled.write(`${head("content-length: 1000")}{"apiVersion"`);
  await besides(
    t,
    calm,
    everything(stalled).then((text) => {
      assert.match(text, /^HTTP\/1\.1 408 [\s\S]*"the body did not arrive within 0.5 seconds"/);
    }),
  );

  const session = connectHttp2(api.server.url, api.credentials);
  t.after(() => session.destroy());
  const post = { ":path": SERVICES, ":method": "POST", "content-type": "application/json" };
  const stream = session.request(post, { endStream: false });
  stream.write("{");
  const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
  assert.equal(headers[":status"], 408);
  stream.resume();
  await once(stream, "close");
  // Only the stream has ended: the connection is good for others.
  const next = session.request({ ":path": `${SERVICES}/kubernetes` });
  assert.equal(((await once(next, "response")) as [Record<string, unknown>])[0][":status"], 200);
  next.destroy();

  const endless = await rawSocket(t, api, true);
  endless.write(head("transfer-encoding: chunked"));
  const piece = `10000\r\n${"x".repeat(0x10000)}\r\n`;
  let sent = 0;
  const pour = async (): Promise<void> => {
    while (!endless.destroyed && sent < 2000) {
      sent++;
      endless.write(piece);
      await passed(endless.writableNeedDrain ? 50 : 5);
    }
  };
  const answer = everything(endless);
  await besides(t, calm, pour());
  endless.destroy();
  assert.match(await answer, /^HTTP\/1\.1 4(08|13) /);
  assert.ok(sent < 2000, "the connection was not ended");
  assert.ok(api.faults.length === 0, JSON.stringify(api.faults));
});

test("headers that come slowly, and never, end; those that are too long are refused", async (t) => {
  const api = await startApi(t, { limits: { headersTimeout: 600 } });
  await admitAll(api);
  const calm = await createUser(t, api, "calm");
  const slow = await Promise.all(Array.from({ length: 20 }, async () => rawSocket(t, api, true)));
  const drip = async (socket: TLSSocket): Promise<void> => {
    socket.write("GET /readyz HTTP/1.1\r\nhost: x\r\n");
    const closed = everything(socket);
    while (!socket.destroyed) {
      socket.write("x-a: b\r\n");
      await passed(100);
    }
    assert.match(await closed, /^(HTTP\/1\.1 408 [\s\S]*)?$/);
  };
  await besides(t, calm, Promise.all(slow.map(drip)));
  const long = await rawSocket(t, api, true);
  long.write(`GET /readyz HTTP/1.1\r\nhost: x\r\nx-long: ${"x".repeat(200_000)}\r\n\r\n`);
  assert.match(await everything(long), /^HTTP\/1\.1 431 /);
  const fits = await rawSocket(t, api, true);
  fits.write(`GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-long: ${"x".repeat(60_000)}\r\n\r\n`);
  assert.match(await everything(fits), /^HTTP\/1\.1 200 /);
});

test("a client that closes its half, or goes in the middle, is forgotten", async (t) => {
  const api = await startApi(t);
  await admitAll(api);
  const calm = await createUser(t, api, "calm");
  const work = async (): Promise<void> => {
    for (let i = 0; i < 50; i++) {
      const socket = await rawSocket(t, api, true);
      socket.write(`GET ${SERVICES}${i % 2 === 0 ? "" : "?watch=true"} HTTP/1.1\r\nhost: x\r\n\r\n`);
      if (i % 3 === 0) socket.end();
      else socket.destroy();
    }
    const half = await rawSocket(t, api, true);
    half.end(`GET ${SERVICES}/kubernetes HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
    assert.match(await everything(half), /^HTTP\/1\.1 200 /);
  };
  await besides(t, calm, work());
  assert.deepEqual(api.faults, []);
});

/** One frame of HTTP/2 (RFC 9113, 4.1). */
function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** GET of the services as HPACK without tables: two indexed fields, then a path and an authority in plain text. */
const GET_SERVICES = Buffer.concat([
  Buffer.from([0x82, 0x87, 0x04, SERVICES.length]),
  Buffer.from(SERVICES),
  Buffer.from([0x01, 1]),
  Buffer.from("x"),
]);
const CANCEL = Buffer.from([0, 0, 0, constants.NGHTTP2_CANCEL]);
const END_OF_HEADERS_AND_STREAM = 0x5;

/** Writes what `next` makes until the server has ended the connection, or for so many milliseconds. Whether it has. */
async function floodHttp2(
  t: TestContext,
  api: ApiFixture,
  milliseconds: number,
  next: () => Buffer,
): Promise<boolean> {
  const { ca, cert, key } = api.credentials;
  const socket = connect({ ...api.server.address, ca, cert, key, ALPNProtocols: ["h2"] });
  t.after(() => socket.destroy());
  socket.on("error", () => {});
  await once(socket, "secureConnect");
  socket.resume();
  socket.write(
    Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(4, 0, 0, Buffer.alloc(0))]),
  );
  const deadline = Date.now() + milliseconds;
  while (Date.now() < deadline && !socket.destroyed) {
    socket.write(next());
    await passed(socket.writableNeedDrain ? 20 : 2);
  }
  return socket.destroyed;
}

test("HTTP/2: streams that are reset at once, and pings without end, end their own connection at most", async (t) => {
  const api = await startApi(t);
  await admitAll(api);
  const calm = await createUser(t, api, "calm");
  let stream = 1;
  const resets = floodHttp2(t, api, 20_000, () => {
    const frames: Buffer[] = [];
    for (let i = 0; i < 100; i++, stream += 2)
      frames.push(frame(1, END_OF_HEADERS_AND_STREAM, stream, GET_SERVICES), frame(3, 0, stream, CANCEL));
    return Buffer.concat(frames);
  });
  await besides(t, calm, resets);
  assert.ok(await resets, "the server has not ended a connection that resets its streams");
  const pings = Buffer.concat(Array.from({ length: 200 }, () => frame(6, 0, 0, Buffer.alloc(8))));
  await besides(
    t,
    calm,
    floodHttp2(t, api, 3000, () => pings),
  );
  assert.deepEqual(api.faults, []);
});

test("a flood of strangers pushes out strangers only", async (t) => {
  const api = await startApi(t, { limits: { maxConnections: 20 } });
  await admitAll(api);
  const calm = await createUser(t, api, "calm");
  assert.equal((await calm.call(SERVICES)).status, 200);
  const strangers: TLSSocket[] = [];
  const work = async (): Promise<void> => {
    for (let i = 0; i < 60; i++) strangers.push(await rawSocket(t, api, false));
  };
  await besides(t, calm, work());
  await until(() => strangers.filter(({ destroyed }) => !destroyed).length <= 20);
  // A newcomer who is known gets in.
  const other = await createUser(t, api, "other");
  assert.equal((await other.call(SERVICES)).status, 200);
  const certificate = await readFile(join(api.directory, "pki", "ca.crt"), "utf8");
  assert.equal(certificate.trim(), api.server.ca.trim());
});
