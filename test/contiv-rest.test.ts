/** netmaster's REST as curl meets it: on the API server with its users, and by `fairlead up --netmaster`. Needs no root. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type IncomingMessage, request as httpRequest } from "node:http";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";
import { createContivApi } from "../src/contiv/rest.ts";
import { type ApiFixture, type Call, connect, readReply, type Reply, startApi } from "./api-fixture.ts";
import { fairleadUp, runFairlead, type Up } from "./lab/fairlead.ts";
import { createUser } from "./user-fixture.ts";

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const SERVICE = { networkName: "srv", selectors: ["tier=web"], ports: ["8080:80:TCP"] };

interface Running {
  readonly up: Up;
  readonly dataDir: string;
  /** By plain HTTP, at the listener of --netmaster. */
  readonly plain: (path: string, call?: Call) => Promise<Reply>;
  /** By HTTPS, with the administrator's certificate. */
  readonly secure: ReturnType<typeof connect>;
  readonly port: number;
}

async function start(t: TestContext): Promise<Running> {
  const dataDir = mkdtempSync(join(tmpdir(), "fairlead-contiv-rest-"));
  t.after(() => rmSync(dataDir, { recursive: true, force: true }));
  const up = await fairleadUp([
    "--data-dir",
    dataDir,
    "--bind=127.0.0.1:0",
    "--netmaster=127.0.0.1:0",
    "--containers=none",
    "--dataplane=none",
    "--node-name=n1",
  ]);
  t.after(async () => up[Symbol.asyncDispose]());
  const port = Number(
    /^ {2}netmaster {3}http:\/\/127\.0\.0\.1:(\d+), without authentication/m.exec(up.stdout())![1],
  );
  const url = /^ {2}API +(\S+)$/m.exec(up.stdout())![1]!;
  const secure = connect(url, readFileSync(join(dataDir, "kubeconfig"), "utf8"));
  t.after(() => secure.close());
  return { up, dataDir, plain: plainClient(port), secure, port };
}

function plainClient(port: number): Running["plain"] {
  return async (path, { method = "GET", body, headers = {} } = {}) => {
    const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    const type = text === undefined ? {} : { "content-type": "application/json" };
    const request = httpRequest({ host: "127.0.0.1", port, path, method, headers: { ...type, ...headers } });
    request.end(text);
    const [response] = (await once(request, "response")) as [IncomingMessage];
    return readReply(response);
  };
}

function outcome({ status, text }: Reply): string {
  try {
    const value = JSON.parse(text) as { error?: string };
    return value.error === undefined ? String(status) : `${status} ${value.error}`;
  } catch {
    return `${status} ${text}`;
  }
}

test("every verb, on both listeners, over the objects that kubectl sees", async (t) => {
  const { plain, secure, dataDir } = await start(t);
  const { call } = secure;
  const made = await plain("/api/v1/networks/default:srv/", {
    method: "POST",
    body: { subnet: "100.1.1.0/24" },
  });
  assert.equal(made.status, 200, made.text);
  assert.equal((made.json() as { key: string }).key, "default:srv");
  assert.equal((await call("/api/v1/serviceLBs/default:web", { method: "PUT", body: SERVICE })).status, 200);
  const service = (await call("/api/v1/namespaces/default/services/web")).json() as {
    spec: { clusterIP: string };
    metadata: { managedFields: { manager: string }[] };
  };
  assert.equal(service.spec.clusterIP, "100.1.1.3");
  assert.equal(service.metadata.managedFields[0]!.manager, "netmaster");

  for (const client of [plain, call]) {
    const listed = JSON.parse((await client("/api/v1/serviceLBs/?tenant=default")).text) as { key: string }[];
    assert.deepEqual(
      listed.map(({ key }) => key),
      ["default:web"],
    );
    const inspected = (await client("/api/v1/inspect/serviceLBs/default:web/")).json();
    assert.equal((inspected["Oper"] as { serviceVip: string }).serviceVip, "100.1.1.3");
    assert.deepEqual((await client("/api/v1/describe/serviceLBs/default:web/")).json()["candidates"], []);
    assert.match(
      outcome(await client("/svcstats")),
      /^503 connections are counted where the data plane is nftables/,
    );
    const network = (await client("/api/v1/inspect/networks/default:srv/")).json()["Oper"] as {
      allocatedIPAddresses: string;
    };
    assert.equal(network.allocatedIPAddresses, "100.1.1.1-100.1.1.3");
    assert.equal(
      outcome(await client("/api/v1/networks/a/b")),
      "404 404 page not found: /api/v1/networks/a/b",
    );
  }
  const mergePatch = { "content-type": "application/merge-patch+json" };
  const patched = await call("/api/v1/serviceLBs/default:web/", {
    method: "PATCH",
    body: { ports: ["80:80:udp"] },
    headers: mergePatch,
  });
  assert.deepEqual((patched.json() as { ports: string[] }).ports, ["80:80:UDP"]);
  assert.equal((await call("/api/v1/endpoints")).json()["kind"], "EndpointsList", "Kubernetes' own");
  assert.match(
    outcome(await plain("/api/v1/serviceLBs/default:web/", { method: "POST", body: {} })),
    /^400 /,
  );
  assert.deepEqual(
    await plain("/api/v1/networks/default:srv/?errors=plain", { method: "DELETE" }).then(
      ({ status, text, headers }) => [status, text, headers["content-type"]],
    ),
    [500, "cannot delete srv has 1 services (web)\n", "text/plain; charset=utf-8"],
  );
  const plainHeader = { "x-contiv-errors": "plain" };
  assert.equal(
    (await call("/api/v1/tenants/none/", { headers: plainHeader })).text,
    "tenant not found: none\n",
  );
  for (const path of ["serviceLBs/default:web", "networks/default:srv"])
    assert.equal(
      (await plain(`/api/v1/${path}/`, { method: "DELETE" })).text,
      `${JSON.stringify(path.split("/")[1])}\n`,
    );
  assert.equal((await plain("/api/v1/networks/")).text, "[]\n");

  const lines = readFileSync(join(dataDir, "audit.log"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as AuditLine)
    .filter(({ requestURI }) => /networks|serviceLBs/.test(requestURI))
    .map(({ verb, user, objectRef, responseStatus: { code } }) =>
      [verb, user.username, objectRef.resource, objectRef.namespace, objectRef.name, code].join(" "),
    );
  assert.deepEqual(lines, [
    "create netmaster networks default srv 200",
    "create fairlead-admin services default web 200",
    "update fairlead-admin services default web 200",
    "create netmaster services default web 400",
    "delete netmaster networks default srv 500",
    "delete netmaster services default web 200",
    "delete netmaster networks default srv 200",
  ]);
});

interface AuditLine {
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string };
  readonly objectRef: Readonly<Record<"resource" | "namespace" | "name", string>>;
  readonly responseStatus: { readonly code: number };
}

test("containers become providers and go, as the watch, the inspection and the description tell", async (t) => {
  const { secure } = await start(t);
  const { call, open } = secure;
  await call("/api/v1/networks/default:srv/", { method: "POST", body: { subnet: "100.1.1.0/24" } });
  await call("/api/v1/serviceLBs/default:web/", { method: "POST", body: SERVICE });
  const stream = await open("/api/v1/serviceLBs/?watch=1&tenant=default");
  const lines = readLines(stream);
  const untilProviders = async (wanted: number): Promise<void> => {
    for (;;) {
      const { object } = (await lines.next()).value as { object: { Oper: { numProviders: number } } };
      if (object.Oper.numProviders === wanted) return;
    }
  };
  await untilProviders(0);
  const pods = "/api/v1/namespaces/default/pods";
  const labels = { tier: "web", version: "1.0" };
  for (const name of ["a", "b"]) {
    const body = {
      metadata: { name, labels },
      spec: { nodeName: "n1", containers: [{ name: "c", image: "alpine" }] },
    };
    assert.equal((await call(pods, { method: "POST", body })).status, 201);
  }
  const status = {
    phase: "Running",
    podIP: "10.9.9.1",
    podIPs: [{ ip: "10.9.9.1" }],
    conditions: [{ type: "Ready", status: "True" }],
  };
  const headers = { "content-type": "application/merge-patch+json" };
  await call(`${pods}/a/status`, { method: "PATCH", body: { status }, headers });
  await untilProviders(1);
  const described = (await call("/api/v1/describe/serviceLBs/default:web")).json() as unknown as {
    Oper: { numCandidates: number };
    candidates: { containerName: string; why: string }[];
  };
  assert.equal(described.Oper.numCandidates, 2);
  assert.deepEqual(
    described.candidates.map(({ containerName, why }) => `${containerName} ${why}`),
    ["a is a provider", "b has no address yet"],
  );
  const endpoint = (await call("/api/v1/inspect/endpoints/a/")).json() as unknown as {
    Oper: { labels: string; serviceName: string; ipAddress: string[] };
  };
  assert.deepEqual(
    [endpoint.Oper.labels, endpoint.Oper.serviceName, endpoint.Oper.ipAddress],
    ["map[tier:web version:1.0]", "web", ["10.9.9.1", ""]],
  );
  assert.match(
    outcome(await call("/api/v1/tenants/default/", { method: "DELETE" })),
    /^409 .*has 1 endpoints$/,
  );
  await call(`${pods}/a?gracePeriodSeconds=0`, { method: "DELETE" });
  await untilProviders(0);
  stream.destroy();
});

test("the plain listener has netmaster's own paths alone, and keeps pages of browsers out", async (t) => {
  const { plain, port, dataDir } = await start(t);
  assert.equal(((await plain("/version")).json() as { Version: string }).Version, "0.1.0");
  assert.equal(((await plain("/info")).json() as Record<string, string>)["current-state"], "leader");
  assert.equal((await plain("/services/")).text, "[]\n");
  for (const path of [
    "/api/v1/namespaces",
    "/apis",
    "/metrics",
    "/healthz",
    "/",
    "/openapi/v2",
    "/api/v1/watch/services",
  ])
    assert.equal((await plain(path)).status, 404, path);
  const post = async (headers: Record<string, string>): Promise<string> =>
    outcome(await plain("/api/v1/tenants/evil/", { method: "POST", body: "{}", headers }));
  assert.match(await post({ "content-type": "text/plain" }), /^415 the body must be JSON/);
  assert.match(await post({ host: "evil.example" }), /^403 the Host header "evil\.example" is no address/);
  assert.match(await post({ origin: "http://evil.example" }), /^403 .*Origin/);
  assert.match(await post({ origin: "null" }), /^403 .*Origin/);
  assert.match(await post({ "sec-fetch-site": "cross-site" }), /^403 .*Sec-Fetch-Site/);
  assert.equal((await plain("/api/v1/tenants/evil/")).status, 404);
  for (const host of ["netmaster:9999", "localhost", "[::1]:9999", "127.0.0.1"])
    assert.equal((await plain("/version", { headers: { host } })).status, 200, host);
  const large = await plain("/api/v1/tenants/a/", {
    method: "POST",
    body: "{}",
    headers: { "content-length": String(4 * 1024 * 1024) },
  }).catch((error: Error) => error.message);
  assert.match(typeof large === "string" ? large : outcome(large), /^413|socket hang up|ECONNRESET/);
  // Who has tried it is in the audit, and why it was refused.
  const deadline = AbortSignal.timeout(10_000);
  const tried = /"code":403.*"message":"requests of pages from elsewhere .*evil\.example/;
  while (!tried.test(readFileSync(join(dataDir, "audit.log"), "utf8"))) {
    deadline.throwIfAborted();
    await setTimeout(20);
  }
  const raw = connectTcp(port, "127.0.0.1");
  raw.end("GARBAGE\r\n\r\n");
  const [reply] = (await once(raw, "data")) as [Buffer];
  assert.match(reply.toString(), /^HTTP\/1\.1 400 /);
});

test("without --netmaster nothing listens there, and a port that is taken is said with the option's name", async (t) => {
  const { dataDir, port } = await start(t);
  const other = mkdtempSync(join(tmpdir(), "fairlead-contiv-rest-"));
  t.after(() => rmSync(other, { recursive: true, force: true }));
  const quiet = ["--bind", "127.0.0.1:0", "--containers", "none", "--dataplane", "none"];
  const taken = await runFairlead(["up", "--data-dir", other, ...quiet, "--netmaster", `127.0.0.1:${port}`]);
  assert.equal(taken.code, 1);
  assert.match(taken.stderr, new RegExp(`127\\.0\\.0\\.1:${port} is in use: .*--netmaster`));
  const wrong = await runFairlead(["up", "--data-dir", other, ...quiet, "--netmaster", "9999"]);
  assert.match(wrong.stderr, /--netmaster "9999" is not an address and port: .*127\.0\.0\.1:9999/);
  await using without = await fairleadUp(["--data-dir", other, ...quiet]);
  assert.doesNotMatch(without.stdout(), /netmaster/);
  assert.ok(dataDir);
});

async function startContiv(t: TestContext): Promise<ApiFixture> {
  const api = await startApi(t, { guests: [createContivApi({ version: "1" })] });
  await api.call("/api/v1/networks/default:srv/", { method: "POST", body: { subnet: "100.1.1.0/24" } });
  await api.call("/api/v1/serviceLBs/default:web/", { method: "POST", body: SERVICE });
  return api;
}

async function allow(api: ApiFixture, user: string, rules: readonly object[]): Promise<void> {
  const version = "rbac.authorization.k8s.io/v1";
  const metadata = { name: `of-${user}`, namespace: "default" };
  const where = `${RBAC}/namespaces/default`;
  await api.call(`${where}/roles`, {
    method: "POST",
    body: { apiVersion: version, kind: "Role", metadata, rules },
  });
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: metadata.name };
  const subjects = [{ kind: "User", name: user }];
  const body = { apiVersion: version, kind: "RoleBinding", metadata, roleRef, subjects };
  await api.call(`${where}/rolebindings`, { method: "POST", body });
}

test("a user may do by this way what they may do by kubectl, and no more", async (t) => {
  const api = await startContiv(t);
  const reader = await createUser(t, api, "reader");
  await allow(api, "reader", [{ apiGroups: [""], resources: ["services"], verbs: ["get"] }]);
  const path = "/api/v1/serviceLBs/default:web/";
  assert.equal((await reader.call(path)).status, 200);
  const forbidden = (verb: string, rest = ""): string =>
    `403 services${rest} is forbidden: User "reader" cannot ${verb} resource "services" in API group "" in the namespace "default"`;
  assert.equal(
    outcome(await reader.call(path, { method: "POST", body: SERVICE })),
    forbidden("create", ' "web"'),
  );
  assert.equal(
    outcome(await reader.call(path, { method: "POST", body: "no JSON" })),
    forbidden("create", ' "web"'),
  );
  assert.equal(outcome(await reader.call(path, { method: "DELETE" })), forbidden("delete", ' "web"'));
  assert.equal(outcome(await reader.call("/api/v1/serviceLBs/?tenant=default")), forbidden("list"));
  assert.match(outcome(await reader.call("/api/v1/serviceLBs/")), /^403 .*at the cluster scope$/);
  assert.match(outcome(await reader.call("/api/v1/inspect/serviceLBs/default:web/")), /^403 .* cannot list /);
  assert.match(outcome(await reader.call("/api/v1/networks/default:srv/")), /^403 .*networks\.fairlead\.dev/);
  assert.match(outcome(await reader.call("/svcstats")), /^403 .*cannot get path "\/svcstats"/);
  assert.match(outcome(await reader.call("/api/v1/serviceLBs/?watch=true")), /^403 .*cannot watch/);
  assert.match(outcome(await api.call(path, { anonymous: true })), /^403 .*system:anonymous/);
  const bad = await api.call(path, { anonymous: true, headers: { authorization: "Bearer bad" } });
  assert.equal(outcome(bad), "401 Unauthorized");

  // Who may list what a watch shows and not watch it is told so, instead of being left to wait.
  const lister = await createUser(t, api, "lister");
  const all = ["services", "pods", "endpointslices"];
  await allow(api, "lister", [
    { apiGroups: ["", "discovery.k8s.io"], resources: all, verbs: ["list"] },
    { apiGroups: [""], resources: ["services"], verbs: ["watch"] },
  ]);
  assert.match(
    outcome(await lister.call("/api/v1/serviceLBs/?watch=true&tenant=default")),
    /^403 .*cannot watch resource "pods"/,
  );

  // Who may change and not make: changes.
  const changer = await createUser(t, api, "changer");
  await allow(api, "changer", [{ apiGroups: [""], resources: ["services"], verbs: ["get", "update"] }]);
  const changed = { ...SERVICE, ports: ["81:81:TCP"] };
  assert.equal((await changer.call(path, { method: "POST", body: changed })).status, 200);
  assert.match(
    outcome(await changer.call("/api/v1/serviceLBs/default:new/", { method: "POST", body: SERVICE })),
    /^403 .*cannot create resource "services"/,
  );
  // As another, by those who may be another.
  const as = { "impersonate-user": "reader" };
  assert.equal((await api.call(path, { headers: as })).status, 200);
  assert.match(
    outcome(await api.call(path, { method: "DELETE", headers: as })),
    /^403 .*User "reader" cannot delete/,
  );
  assert.match(
    outcome(await reader.call(path, { headers: { "impersonate-user": "x" } })),
    /^403 .*cannot impersonate/,
  );
});

test("a user of one tenant sees nothing of another's, though all is called the same there", async (t) => {
  const api = await startContiv(t);
  const member = await createUser(t, api, "member");
  await allow(api, "member", [
    { apiGroups: ["", "discovery.k8s.io", "fairlead.dev"], resources: ["*"], verbs: ["*"] },
  ]);
  const post = async (path: string, body: object): Promise<void> => {
    const { status, text } = await api.call(path, { method: "POST", body });
    assert.ok(status < 300, text);
  };
  await post("/api/v1/tenants/red/", {});
  await post("/api/v1/networks/red:srv/", { subnet: "100.66.1.0/24" });
  await post("/api/v1/serviceLBs/red:web/", SERVICE);
  // Pods of both tenants, with the labels of both Services.
  for (const [namespace, name, ips] of [
    ["default", "mine", ["10.9.9.1"]],
    ["red", "hidden", ["10.66.9.9", "fd66::9"]],
  ] as const) {
    const pods = `/api/v1/namespaces/${namespace}/pods`;
    const container = { name: "c", image: "alpine" };
    await post(pods, { metadata: { name, labels: { tier: "web" } }, spec: { containers: [container] } });
    const status = { phase: "Running", podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) };
    const headers = { "content-type": "application/merge-patch+json" };
    await api.call(`${pods}/${name}/status`, { method: "PATCH", body: { status }, headers });
  }
  const seen: string[] = [];
  for (const [path, status] of [
    ["networks/?tenant=default", 200],
    ["serviceLBs/?tenant=default", 200],
    ["inspect/networks/?tenant=default", 200],
    ["inspect/serviceLBs/?tenant=default", 200],
    ["inspect/tenants/?tenant=default", 200],
    ["networks/default:srv/", 200],
    ["inspect/networks/default:srv/", 200],
    ["inspect/serviceLBs/default:web/", 200],
    ["describe/serviceLBs/default:web/", 200],
    ["tenants/default/", 200],
    ["inspect/tenants/default/", 200],
    ["inspect/endpoints/mine/?tenant=default", 200],
    ["inspect/endpoints/hidden/?tenant=default", 404],
    ["serviceLBs/default:hidden/", 404],
  ] as const) {
    const reply = await member.call(`/api/v1/${path}`);
    assert.equal(reply.status, status, `${path}: ${reply.text}`);
    if (status === 200) seen.push(reply.text);
  }
  for (const path of [
    "networks/",
    "serviceLBs/",
    "tenants/",
    "inspect/networks/",
    "inspect/serviceLBs/",
    "inspect/tenants/",
    "networks/?tenant=red",
    "serviceLBs/?tenant=red",
    "serviceLBs/?tenant=red&tenant=default",
    "inspect/serviceLBs/?tenant=red",
    "inspect/tenants/?tenant=red",
    "networks/red:srv/",
    "networks/red:nothing/",
    "inspect/networks/red:srv/",
    "inspect/serviceLBs/red%3Aweb/",
    "describe/serviceLBs/red:web/",
    "tenants/red/",
    "tenants/nothing/",
    "inspect/tenants/red/",
    "inspect/endpoints/hidden/",
    "inspect/endpoints/hidden/?tenant=red",
    "serviceLBs/?tenant=red&watch=true",
    "networks/?watch=true",
  ])
    assert.equal((await member.call(`/api/v1/${path}`)).status, 403, path);
  for (const [method, body] of [
    ["POST", { body: SERVICE }],
    ["PUT", { body: SERVICE }],
    ["PATCH", { body: SERVICE }],
    ["DELETE", {}],
  ] as const)
    for (const path of ["networks/red:srv/", "serviceLBs/red:web/", "serviceLBs/red:new/", "tenants/red/"])
      assert.equal((await member.call(`/api/v1/${path}`, { method, ...body })).status, 403, path);
  assert.doesNotMatch(seen.join("\n"), /\bred\b|hidden|\b10\.66\.|fd66|100\.66/);
});

test("a watch tells what there is and each change, whoever makes it", async (t) => {
  const api = await startContiv(t);
  const response = await api.open("/api/v1/serviceLBs/?watch=true");
  const lines = readLines(response);
  const next = async (): Promise<string> => {
    const { type, object } = (await lines.next()).value as {
      type: string;
      object: { Config: { key: string; ports: string[] }; Oper: { serviceVip: string } };
    };
    return `${type} ${object.Config.key} ${object.Config.ports.join()} ${object.Oper.serviceVip}`;
  };
  assert.equal(await next(), "ADDED default:web 8080:80:TCP 100.1.1.3");
  const patch = { spec: { ports: [{ name: "8080-tcp", port: 8080, targetPort: 81 }] } };
  await api.call("/api/v1/namespaces/default/services/web", {
    method: "PATCH",
    body: patch,
    headers: { "content-type": "application/merge-patch+json" },
  });
  assert.equal(await next(), "MODIFIED default:web 8080:81:TCP 100.1.1.3");
  await api.call("/api/v1/serviceLBs/default:b/", { method: "POST", body: SERVICE });
  assert.equal(await next(), "ADDED default:b 8080:80:TCP 100.1.1.4");
  await api.call("/api/v1/serviceLBs/default:web/", { method: "DELETE" });
  assert.equal(await next(), "DELETED default:web 8080:81:TCP 100.1.1.3");
  response.destroy();
  assert.deepEqual(api.faults, []);
});

async function* readLines(response: AsyncIterable<Buffer>): AsyncGenerator {
  let rest = "";
  for await (const piece of response) {
    const parts = (rest + piece.toString()).split("\n");
    rest = parts.pop()!;
    for (const line of parts) yield JSON.parse(line);
  }
}

test("OpenAPI describes what is served: each path and verb is answered, each field is one of the answers'", async (t) => {
  const api = await startContiv(t);
  const document = (await api.call("/openapi/v3/contiv")).json() as unknown as {
    paths: Record<string, Record<string, { operationId?: string }>>;
    components: { schemas: Record<string, { properties: Record<string, unknown> }> };
  };
  const stranger = await createUser(t, api, "stranger");
  assert.equal((await stranger.call("/openapi/v3/contiv")).status, 200, "as the Kubernetes API's own");
  const keys: Record<string, string> = {
    networks: "default:srv",
    tenants: "default",
    serviceLBs: "default:web",
  };
  let verbs = 0;
  for (const [template, item] of Object.entries(document.paths))
    for (const method of ["get", "post", "put", "patch", "delete"]) {
      const plural = /(\w+)\/\{key\}/.exec(template)?.[1];
      const path = template.replace("{key}", keys[plural ?? ""] ?? "").replace("{id}", "none");
      const { status } = await api.call(path, {
        method: method.toUpperCase(),
        body: method === "get" ? undefined! : "no",
      });
      const described = item[method] !== undefined;
      if (described) verbs++;
      // Described: it is read, or the body or the object is what is refused. Not described: no such method.
      assert.equal(status === 405, !described, `${method} ${path}: ${status}`);
      if (method === "delete" && described) break;
    }
  assert.ok(verbs > 20, String(verbs));
  await api.call("/api/v1/networks/default:srv/", { method: "POST", body: { subnet: "100.1.1.0/24" } });
  await api.call("/api/v1/serviceLBs/default:web/", { method: "POST", body: SERVICE });
  for (const [plural, name] of [
    ["networks", "Network"],
    ["tenants", "Tenant"],
    ["serviceLBs", "ServiceLB"],
  ] as const) {
    const { Config, Oper } = (
      await api.call(`/api/v1/inspect/${plural}/${keys[plural]}/`)
    ).json() as unknown as Record<string, object>;
    for (const [part, value] of [
      ["Config", Config!],
      ["Oper", Oper!],
    ] as const)
      for (const field of Object.keys(value))
        assert.ok(
          field in document.components.schemas[`${name}${part}`]!.properties,
          `${name}${part}.${field}`,
        );
  }
  // Each reference leads somewhere.
  for (const [, name] of JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g))
    assert.ok(name !== undefined && name in document.components.schemas, name);
  assert.deepEqual(api.faults, []);
});
