import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { event } from "./container-fixture.ts";
import { type Engine, openEngine } from "./engine.ts";
import { engineAddress } from "./engine-address.ts";
import { EngineError, type EngineFailure, isGone, isInUse } from "./engine-error.ts";
import { connectFailure } from "./engine-failure.ts";
import type { EngineEvent, NetworkCreate } from "./engine-types.ts";

interface FakeEngine extends AsyncDisposable {
  readonly engine: Engine;
  readonly server: Server;
  /** The paths asked for. */
  readonly asked: string[];
}

/** An engine's socket with `answer` behind it; /_ping is answered as an engine of `apiVersion` does. */
async function fakeEngine(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  apiVersion: string | undefined = "1.41",
  timeout?: number,
): Promise<FakeEngine> {
  const directory = mkdtempSync(join(tmpdir(), "fairlead-engine-"));
  const path = join(directory, "engine.sock");
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url!);
    if (request.url !== "/_ping") return answer(request, response);
    if (apiVersion !== "") response.setHeader("Api-Version", apiVersion);
    response.setHeader("Date", "Fri, 02 Jan 2026 03:04:05 GMT");
    response.end("OK");
  });
  server.listen(path);
  await once(server, "listening");
  const engine = openEngine(engineAddress({ DOCKER_HOST: `unix://${path}` }), {
    ...(timeout !== undefined && { timeout }),
  });
  return {
    engine,
    server,
    asked,
    async [Symbol.asyncDispose]() {
      engine[Symbol.dispose]();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      rmSync(directory, { recursive: true });
    },
  };
}

/** What `call` was refused with. */
async function failureOf(call: Promise<unknown>): Promise<EngineError> {
  const error = await call.then(
    () => assert.fail("it was not refused"),
    (error: unknown) => error,
  );
  assert.ok(error instanceof EngineError, String(error));
  assert.ok(!error.message.includes("\n"));
  return error;
}

test("the version of the API is the lower of the engine's and ours", async () => {
  for (const [apiVersion, prefix] of [
    ["1.24", "/v1.24"],
    ["1.41", "/v1.41"],
    ["1.52", "/v1.52"],
    ["1.60", "/v1.52"],
    ["2.0", "/v1.52"],
  ]) {
    await using fake = await fakeEngine((_, response) => response.end("[]"), apiVersion);
    assert.equal(await fake.engine.connect(), Date.parse("2026-01-02T03:04:05Z"));
    assert.deepEqual(await fake.engine.containers(), []);
    assert.deepEqual(fake.asked, ["/_ping", `${prefix}/containers/json?all=1`]);
  }
});

test("an engine that is too old or too new, and what is no engine, are told with what to do", async () => {
  for (const apiVersion of ["1.9", "1.23", "latest", ""]) {
    await using fake = await fakeEngine((_, response) => response.end("[]"), apiVersion);
    const error = await failureOf(fake.engine.version());
    assert.equal(error.failure, "version");
    assert.ok(error.permanent);
    assert.match(
      error.message,
      apiVersion === "" ? /names no version/ : new RegExp(`version ${apiVersion} `),
    );
    assert.match(error.remedy!, /Docker 20\.10/);
  }
  await using newer = await fakeEngine((_, response) => {
    response.statusCode = 400;
    response.end('{"message":"client version 1.52 is too old. Minimum supported API version is 1.60"}');
  });
  const error = await failureOf(newer.engine.info());
  assert.equal(error.failure, "version");
  assert.match(error.remedy!, /update fairlead/);
  await using web = await fakeEngine((_, response) => response.end("<html>"));
  assert.match((await failureOf(web.engine.networks())).message, /not JSON: "<html>"/);
});

test("a socket that is missing, or that nobody listens on", async () => {
  const directory = mkdtempSync(join(tmpdir(), "fairlead-engine-"));
  try {
    const path = join(directory, "engine.sock");
    using engine = openEngine(engineAddress({ DOCKER_HOST: `unix://${path}` }));
    const missing = await failureOf(engine.version());
    assert.equal(missing.failure, "missing");
    assert.ok(missing.message.includes(path));
    assert.match(missing.remedy!, /DOCKER_HOST/);
    writeFileSync(path, "");
    assert.equal((await failureOf(engine.version())).failure, "unreachable");
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("each way not to get through has its name, and a cure where there is one", () => {
  const address = engineAddress({});
  const table: [string, EngineFailure, RegExp | undefined][] = [
    ["ENOENT", "missing", /DOCKER_HOST/],
    ["EACCES", "permission", /group docker/],
    ["ECONNREFUSED", "unreachable", /start/],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "unreachable", /DOCKER_CERT_PATH/],
    ["ECONNRESET", "unreachable", undefined],
  ];
  for (const [code, failure, remedy] of table) {
    const error = connectFailure(address, Object.assign(new Error("it failed"), { code }));
    assert.equal(error.failure, failure, code);
    if (remedy === undefined) assert.equal(error.remedy, undefined);
    else assert.match(error.remedy!, remedy);
  }
});

test("a container that is not there is told from other refusals", async () => {
  await using fake = await fakeEngine(({ url }, response) => {
    response.statusCode = url?.includes("gone") === true ? 404 : 500;
    response.end('{"message":"No such container"}');
  });
  assert.ok(isGone(await failureOf(fake.engine.inspect("gone"))));
  const error = await failureOf(fake.engine.inspect("../x"));
  assert.ok(!isGone(error));
  assert.match(error.message, /answered \/v1\.41\/containers\/\.\.%2Fx\/json with 500: No such container/);
});

test("an engine that accepts and does not answer is given up", async () => {
  await using fake = await fakeEngine(() => {}, "1.41", 30);
  assert.match((await failureOf(fake.engine.info())).message, /no answer within 0\.03 s/);
  await using half = await fakeEngine((_, response) => void response.write('{"Version":'), "1.41", 30);
  assert.match((await failureOf(half.engine.version())).message, /stopped half-way/);
});

test("a kept connection that the engine has closed is tried again on a new one", async () => {
  const sockets = new Map<unknown, number>();
  await using fake = await fakeEngine(({ socket }, response) => {
    const requests = (sockets.get(socket) ?? 0) + 1;
    sockets.set(socket, requests);
    if (requests > 1) socket.destroy();
    else response.end("[]");
  });
  await fake.engine.networks();
  assert.deepEqual(await fake.engine.networks(), []);
  assert.deepEqual(await fake.engine.networks(), []);
});

test("events arrive whole however the stream is cut, and the end of the stream is an error", async () => {
  const sent = [event("start", { name: "wéb" }), event("die", { exitCode: "1" }), event("destroy")];
  const bytes = Buffer.from(sent.map((one) => `${JSON.stringify(one)}\n`).join(""));
  for (const size of [1, 7, 100, bytes.length]) {
    await using fake = await fakeEngine((_, response) => {
      response.flushHeaders();
      for (let at = 0; at < bytes.length; at += size) response.write(bytes.subarray(at, at + size));
      response.end();
    });
    const received: EngineEvent[] = [];
    const stream = await fake.engine.events({ since: 1767323045, signal: new AbortController().signal });
    const read = async (): Promise<void> => {
      for await (const one of stream) received.push(one);
    };
    assert.match((await failureOf(read())).message, /ended its events/);
    assert.deepEqual(received, sent, `in pieces of ${size}`);
    const url = new URL(fake.asked.at(-1)!, "http://engine");
    assert.equal(url.searchParams.get("since"), "1767323045");
    assert.deepEqual(JSON.parse(url.searchParams.get("filters")!), { type: ["container", "network"] });
  }
});

test("a stream of events ends without an error when it is not wanted any more", async () => {
  await using fake = await fakeEngine((_, response) => {
    response.write(`${JSON.stringify(event("start"))}\n`);
  });
  const end = new AbortController();
  let count = 0;
  for await (const _ of await fake.engine.events({ since: 0, signal: end.signal })) {
    count++;
    end.abort();
  }
  assert.equal(count, 1);
});

test("networks are made and removed by their ids, and a refusal keeps the engine's words", async () => {
  const bodies: string[] = [];
  for (const apiVersion of ["1.41", "1.48"]) {
    await using fake = await fakeEngine((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const body = Buffer.concat(chunks).toString();
        if (request.method === "DELETE") {
          response.statusCode = request.url!.endsWith("/busy") ? 403 : 204;
          response.end(response.statusCode === 403 ? '{"message":"network busy has active endpoints"}' : "");
        } else if (body.includes("10.1.0.0/16")) {
          response.statusCode = 403;
          response.end('{"message":"Pool overlaps with other one on this address space"}');
        } else {
          bodies.push(body);
          response.statusCode = 201;
          response.end('{"Id":"0123","Warning":""}');
        }
      });
    }, apiVersion);
    const network = (Subnet: string): NetworkCreate => ({
      Name: "net/blue",
      CheckDuplicate: true,
      Driver: "bridge",
      EnableIPv6: true,
      EnableIPv4: false,
      IPAM: { Driver: "default", Config: [{ Subnet }] },
      Labels: { a: "ü" },
    });
    assert.equal(await fake.engine.createNetwork(network("fd10::/64")), "0123");
    const overlap = await failureOf(fake.engine.createNetwork(network("10.1.0.0/16")));
    assert.equal(overlap.said, "Pool overlaps with other one on this address space");
    assert.equal(overlap.status, 403);
    await fake.engine.removeNetwork("0123");
    const busy = await failureOf(fake.engine.removeNetwork("busy"));
    assert.ok(isInUse(busy));
    assert.ok(!isInUse(overlap));
    const prefix = `/v${apiVersion}/networks`;
    assert.deepEqual(
      fake.asked.slice(1),
      ["create", "create", "0123", "busy"].map((one) => `${prefix}/${one}`),
    );
  }
  // Engines of before can have no network without IPv4, and are not asked for one.
  const [before, since] = bodies.map((body) => JSON.parse(body) as NetworkCreate);
  assert.equal(before!.EnableIPv4, undefined);
  assert.equal(since!.EnableIPv4, false);
  assert.deepEqual(before!.Labels, { a: "ü" });
});
