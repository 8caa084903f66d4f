import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { ApiError } from "../api/api-error.ts";
import { endpointSliceKind } from "../api/endpointslice/kind.ts";
import { nodeKind } from "../api/node/kind.ts";
import { podKind } from "../api/pod/kind.ts";
import { serviceKind } from "../api/service/kind.ts";
import type { WatchEvent } from "./client.ts";
import { createHttpClient, type HttpClient, type HttpClientConfig } from "./http.ts";
import { startInformer } from "./informer.ts";

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

interface Server extends AsyncDisposable {
  readonly client: HttpClient;
  /** "GET /path?query" of each request. */
  readonly asked: string[];
  readonly url: string;
}

/** A server on loopback that answers as told, and a client of it. */
async function serving(answer: Answer, config: Partial<HttpClientConfig> = {}): Promise<Server> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    void text(request).then((body) => answer(request, response, body));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = createHttpClient({ server: url, ...config });
  return {
    client,
    asked,
    url,
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function json(
  response: ServerResponse,
  code: number,
  value: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(code, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
}

async function refusal(call: Promise<unknown>): Promise<ApiError> {
  const error: unknown = await call.then(
    () => assert.fail("it worked"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof ApiError, String(error));
  return error;
}

async function collect<T>(events: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const event of events) all.push(event);
  return all;
}

const web = { metadata: { namespace: "default", name: "web" } };

test("each verb is the request that Kubernetes has for it", async () => {
  const heard: string[] = [];
  await using server = await serving((request, response, body) => {
    heard.push(`${request.headers["content-type"] ?? ""} ${body}`.trim());
    json(response, 200, { ...web, items: null, metadata: { ...web.metadata, resourceVersion: "7" } });
  });
  const { client, asked } = server;
  const name = { namespace: "default", name: "web" };
  assert.deepEqual(await client.get(serviceKind, name), {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace: "default", name: "web", resourceVersion: "7" },
    items: null,
  });
  const list = await client.list(endpointSliceKind, { labelSelector: "!a,b=c", limit: 500 });
  assert.deepEqual([list.kind, list.items, list.metadata.resourceVersion], ["EndpointSliceList", [], "7"]);
  await client.create(serviceKind, web, { fieldManager: "me", dryRun: true });
  await client.update(serviceKind, web, { subresource: "status" });
  await client.patch(serviceKind, name, "json", []);
  await client.patch(serviceKind, name, "merge", {}, { subresource: "status" });
  await client.patch(serviceKind, name, "strategic", {});
  const binding = { metadata: { name: "web" }, target: { name: "n1" } };
  await client.createSubresource(podKind, name, "binding", binding, { dryRun: true });
  await assert.rejects(async () => client.createSubresource(podKind, name, "eviction", binding), {
    name: "TypeError",
    message: 'pods have no subresource "eviction"',
  });
  await client.delete(nodeKind, { name: "n1" }, { gracePeriodSeconds: 0 });
  assert.deepEqual(asked, [
    "GET /api/v1/namespaces/default/services/web",
    "GET /apis/discovery.k8s.io/v1/endpointslices?labelSelector=%21a%2Cb%3Dc&limit=500",
    "POST /api/v1/namespaces/default/services?fieldManager=me&dryRun=All",
    "PUT /api/v1/namespaces/default/services/web/status",
    "PATCH /api/v1/namespaces/default/services/web",
    "PATCH /api/v1/namespaces/default/services/web/status",
    "PATCH /api/v1/namespaces/default/services/web",
    "POST /api/v1/namespaces/default/pods/web/binding?dryRun=All",
    "DELETE /api/v1/nodes/n1",
  ]);
  const object = '{"metadata":{"namespace":"default","name":"web"},"apiVersion":"v1","kind":"Service"}';
  assert.deepEqual(heard.slice(2), [
    `application/json ${object}`,
    `application/json ${object}`,
    "application/json-patch+json []",
    "application/merge-patch+json {}",
    "application/strategic-merge-patch+json {}",
    'application/json {"metadata":{"name":"web"},"target":{"name":"n1"},"apiVersion":"v1","kind":"Binding"}',
    'application/json {"apiVersion":"v1","kind":"DeleteOptions","gracePeriodSeconds":0}',
  ]);
});

test("every failure is an ApiError that says what happened", async () => {
  const status = {
    apiVersion: "v1",
    kind: "Status",
    metadata: {},
    status: "Failure",
    message: 'services "web" not found',
    reason: "NotFound",
    code: 404,
  };
  const table: [code: number, body: string, expected: string][] = [
    [404, JSON.stringify(status), '404 NotFound: services "web" not found'],
    [502, "<h1>Bad Gateway</h1>", "502 Unknown: URL answered 502 Bad Gateway: <h1>Bad Gateway</h1>"],
    [409, "", "409 Conflict: URL answered 409 Conflict"],
    [403, '{"error":"no"}', '403 Forbidden: URL answered 403 Forbidden: {"error":"no"}'],
    [200, "<html>", "500 InternalError: URL answered what cannot be read: <html>"],
  ];
  let answer: readonly [number, string, string];
  await using server = await serving((_, response) => response.writeHead(answer[0]).end(answer[1]));
  for (answer of table) {
    const error = await refusal(server.client.get(serviceKind, { namespace: "default", name: "web" }));
    assert.equal(`${error.code} ${error.reason}: ${error.message.replace(server.url, "URL")}`, answer[2]);
  }
});

test("a server that is not there, hangs, or hangs up is named", async () => {
  const client = createHttpClient({ server: "http://127.0.0.1:1" });
  const nobody = await refusal(client.list(nodeKind));
  assert.equal(nobody.code, 503);
  assert.match(nobody.message, /^http:\/\/127\.0\.0\.1:1 cannot be reached: .*ECONNREFUSED/);
  client[Symbol.dispose]();

  await using hung = await serving(() => {}, { requestTimeout: 30 });
  const slow = await refusal(hung.client.list(nodeKind));
  assert.deepEqual([slow.code, slow.message], [504, `${hung.url} did not answer within 30 ms`]);

  await using half = await serving((_, response) => response.writeHead(200).write('{"items":'), {
    requestTimeout: 30,
  });
  assert.match((await refusal(half.client.list(nodeKind))).message, /the answer was not whole after 30 ms/);

  await using cut = await serving((request) => request.socket.destroy());
  assert.equal((await refusal(cut.client.create(nodeKind, { metadata: { name: "n" } }))).code, 503);
});

test("what the server asks to be asked again is asked again, and nothing else", async () => {
  let tries = 0;
  const answers: [code: number, retryAfter: string | undefined, asked: number][] = [
    [429, "0", 3],
    [503, "0", 3],
    [503, undefined, 1],
    [404, "0", 1],
  ];
  let answer: (typeof answers)[number];
  await using server = await serving(
    (_, response) => {
      if (++tries === 3) json(response, 200, { metadata: {}, items: [] });
      else json(response, answer[0], {}, answer[1] === undefined ? {} : { "retry-after": answer[1] });
    },
    { retries: 5 },
  );
  for (answer of answers) {
    tries = 0;
    const worked = await server.client.list(nodeKind).then(
      () => true,
      () => false,
    );
    assert.deepEqual([tries, worked], [answer[2], answer[2] === 3], String(answer));
  }
});

test("a kept connection that the server has closed is no failure", async () => {
  await using server = await serving((request, response) => {
    json(response, 200, { metadata: {}, items: [] });
    // Closed without notice, after the client has put it away.
    response.once("close", () => setImmediate(() => request.socket.resetAndDestroy()));
  });
  for (let i = 0; i < 20; i++) await server.client.list(nodeKind);
});

test("credentials go with each request; a token's file is read again when the token is refused", async () => {
  const directory = await mkdtemp(join(tmpdir(), "fairlead-http-"));
  try {
    const tokenFile = join(directory, "token");
    await writeFile(tokenFile, "first\n");
    const heard: (string | undefined)[] = [];
    let good = "Bearer first";
    await using server = await serving(
      (request, response) => {
        heard.push(request.headers.authorization);
        json(response, request.headers.authorization === good ? 200 : 401, { metadata: {}, items: [] });
      },
      { tokenFile },
    );
    await server.client.list(nodeKind);
    await writeFile(tokenFile, "second\n");
    good = "Bearer second";
    await server.client.list(nodeKind);
    assert.deepEqual(heard, ["Bearer first", "Bearer first", "Bearer second"]);
    good = "nothing will do";
    assert.equal((await refusal(server.client.list(nodeKind))).code, 401);
    using basic = createHttpClient({ server: server.url, username: "a", password: "b" });
    await refusal(basic.list(nodeKind));
    assert.equal(heard.at(-1), "Basic YTpi");
  } finally {
    await rm(directory, { recursive: true });
  }
});

function line(type: string, version: number): string {
  return `${JSON.stringify({ type, object: { metadata: { name: "web", resourceVersion: String(version) } } })}\n`;
}

function describe(event: WatchEvent<never>): string {
  return `${event.type} ${event.object.metadata.resourceVersion}`;
}

test("a watch is what the server sends, until it ends", async () => {
  await using server = await serving((_, response) => {
    const all = line("ADDED", 1) + line("MODIFIED", 2) + line("BOOKMARK", 5) + line("DELETED", 6);
    response.write(all.slice(0, 70));
    setImmediate(() => response.end(all.slice(70)));
  });
  const { signal } = new AbortController();
  const events = await collect(server.client.watch(serviceKind, { resourceVersion: "0", signal }));
  assert.deepEqual(
    events.map((event) => describe(event as WatchEvent<never>)),
    ["ADDED 1", "MODIFIED 2", "BOOKMARK 5", "DELETED 6"],
  );
  assert.match(
    server.asked[0]!,
    /^GET \/api\/v1\/services\?resourceVersion=0&watch=true&allowWatchBookmarks=true&timeoutSeconds=\d{3}$/,
  );
});

test("too old is 410, as an answer and as an event; a broken watch is a failure", async () => {
  const gone = { kind: "Status", code: 410, reason: "Expired", message: "too old resource version: 1 (9)" };
  const table: [answer: Answer, code: number, message: RegExp][] = [
    [(_, response) => json(response, 410, gone), 410, /too old/],
    [(_, response) => response.end(`${JSON.stringify({ type: "ERROR", object: gone })}\n`), 410, /too old/],
    [(_, response) => response.end(line("ADDED", 1).slice(0, 20)), 503, /in the middle of an event/],
    [(_, response) => response.end("{}\n"), 500, /unknown type/],
    [
      (request, response) => {
        response.write(line("ADDED", 1));
        setImmediate(() => request.socket.destroy());
      },
      503,
      /cannot be reached/,
    ],
  ];
  let answer: Answer;
  await using server = await serving((...all) => answer(...all));
  for (const [does, code, message] of table) {
    answer = does;
    const { signal } = new AbortController();
    const error = await refusal(collect(server.client.watch(serviceKind, { resourceVersion: "1", signal })));
    assert.equal(error.code, code);
    assert.match(error.message, message);
  }
});

test("a watch on which nothing comes any more is given up; one that is aborted just ends", async () => {
  await using server = await serving((_, response) => response.write(line("ADDED", 1)), {
    watchIdleTimeout: 40,
  });
  const silent = server.client.watch(serviceKind, {
    resourceVersion: "0",
    signal: new AbortController().signal,
  });
  assert.match((await refusal(collect(silent))).message, /nothing came for 40 ms/);

  const end = new AbortController();
  let events = 0;
  for await (const _ of server.client.watch(serviceKind, { resourceVersion: "0", signal: end.signal })) {
    events++;
    end.abort();
  }
  assert.equal(events, 1);
  assert.deepEqual(
    await collect(server.client.watch(serviceKind, { resourceVersion: "0", signal: end.signal })),
    [],
  );
});

test("a watch on which something comes now and then is kept", async () => {
  await using server = await serving(
    (_, response) => {
      let sent = 0;
      const timer = setInterval(() => {
        response.write(line("BOOKMARK", ++sent));
        if (sent < 6) return;
        clearInterval(timer);
        response.end();
      }, 40);
    },
    { watchIdleTimeout: 180 },
  );
  const { signal } = new AbortController();
  assert.equal((await collect(server.client.watch(serviceKind, { resourceVersion: "0", signal }))).length, 6);
});

test("an informer over HTTP comes through silent servers, cut connections and versions too old", async () => {
  let watches = 0;
  const gone = { type: "ERROR", object: { kind: "Status", code: 410, message: "too old" } };
  await using server = await serving(
    (request, response) => {
      const list = (version: number): void =>
        json(response, 200, {
          metadata: { resourceVersion: String(version) },
          items: [{ metadata: { name: "web", resourceVersion: String(version) } }],
        });
      if (!request.url!.includes("watch=true")) return list(watches === 0 ? 1 : 20);
      switch (++watches) {
        case 1:
          // Says one thing and then nothing for ever.
          return void response.write(line("MODIFIED", 2));
        case 2:
          response.write(line("MODIFIED", 3) + line("MODIFIED", 4).slice(0, 9));
          return void setImmediate(() => request.socket.destroy());
        case 3:
          return void response.end(`${JSON.stringify(gone)}\n`);
        default:
          return void response.write(line("DELETED", 21));
      }
    },
    { watchIdleTimeout: 40 },
  );
  const end = new AbortController();
  const informer = startInformer({
    client: server.client,
    kind: serviceKind,
    signal: end.signal,
    backoff: { initial: 1, limit: 2 },
  });
  const seen: string[] = [];
  const deleted = Promise.withResolvers<void>();
  informer.addHandler({
    onAdd: ({ metadata }) => seen.push(`+${metadata.resourceVersion}`),
    onUpdate: ({ metadata }) => seen.push(`~${metadata.resourceVersion}`),
    onDelete({ metadata }) {
      seen.push(`-${metadata.resourceVersion}`);
      deleted.resolve();
    },
  });
  await deleted.promise;
  end.abort();
  await informer.done;
  assert.deepEqual(seen, ["+1", "~2", "~3", "~20", "-20"]);
  const from = server.asked
    .filter((path) => path.includes("watch"))
    .map((path) => /resourceVersion=(\d+)/.exec(path)?.[1]);
  assert.deepEqual(from.slice(0, 4), ["1", "2", "3", "20"]);
});
