import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { ipAddressKind } from "../api/ipaddress/kind.ts";
import { networkKind } from "../api/network/kind.ts";
import type { Network } from "../api/network/type.ts";
import { nodeKind } from "../api/node/kind.ts";
import { podKind } from "../api/pod/kind.ts";
import { serviceKind } from "../api/service/kind.ts";
import { ApiError } from "../api/api-error.ts";
import { createInProcessClient } from "../client/in-process.ts";
import type { Client } from "../client/client.ts";
import type { Registry } from "../server/registry.ts";
import type { Request } from "../server/http/exchange.ts";
import { startRegistry } from "../server/registry/registry-fixture.ts";
import { kubernetesName } from "./names.ts";
import { createContivApi } from "./rest.ts";
import type { ServiceOper } from "./wire.ts";

interface Answer {
  readonly status: number;
  readonly value: unknown;
}

interface Fixture {
  readonly client: Client;
  readonly registry: Registry;
  readonly call: (method: string, path: string, body?: unknown) => Promise<Answer>;
  /** A refusal as "409 words"; or what was answered. */
  readonly outcome: (method: string, path: string, body?: unknown) => Promise<string>;
}

const ADMIN = { name: "admin", groups: ["system:masters"] };

async function start(t: TestContext, enginePatience = 1000): Promise<Fixture> {
  const { registry } = await startRegistry(t);
  const client = createInProcessClient(registry, "admin");
  const api = createContivApi({ version: "1", enginePatience, alone: true });
  const call: Fixture["call"] = async (method, url, body) => {
    const [path = "", search = ""] = url.split("?");
    const request = requestOf(method, path, search, body);
    const guest = api.call(request)!;
    const response = await guest
      .answer(request, { registry, ownRegistry: registry, user: ADMIN })
      .catch((error: unknown) => {
        if (!(error instanceof ApiError)) throw error;
        return api.refuse(error, request);
      });
    const text = response.body as string;
    const isJson = response.headers["content-type"] === "application/json";
    return { status: response.status, value: isJson ? JSON.parse(text) : text };
  };
  return {
    client,
    registry,
    call,
    async outcome(method, path, body) {
      const { status, value } = await call(method, path, body);
      if (typeof value === "string") return `${status} ${value}`;
      const { error } = value as { error?: string };
      return error === undefined ? JSON.stringify(value) : `${status} ${error}`;
    },
  };
}

function requestOf(method: string, path: string, search: string, body: unknown): Request {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const headers: Readonly<Record<string, string>> = { "content-type": "application/json" };
  return {
    method,
    path,
    query: new URLSearchParams(search),
    header: (name) => headers[name],
    headerLines: () => [],
    headerNames: () => Object.keys(headers),
    user: undefined,
    becomeKnown() {},
    remoteAddress: "127.0.0.1",
    auditId: "a",
    body: async () => Buffer.from(text ?? ""),
    signal: new AbortController().signal,
  };
}

const SERVICE = { networkName: "srv", selectors: ["tier=web"], ports: ["8080:80:TCP"] };

async function vipOf({ call }: Fixture, key: string): Promise<string> {
  const { value } = await call("GET", `/api/v1/inspect/serviceLBs/${key}/`);
  return (value as { Oper: { serviceVip: string } }).Oper.serviceVip;
}

test("a service gets its network's next address, keeps it through changes, and moves with its network", async (t) => {
  const api = await start(t);
  const { call, outcome, client } = api;
  await call("POST", "/api/v1/networks/default:srv/", { subnet: "100.1.1.0/24" });
  await call("POST", "/api/v1/networks/default:other", { subnet: "100.2.0.0/16", nwType: "infra" });
  assert.equal((await call("POST", "/api/v1/serviceLBs/default:web/", SERVICE)).status, 200);
  assert.equal(await vipOf(api, "default:web"), "100.1.1.3");
  const version = async (): Promise<string | undefined> =>
    (await client.get(serviceKind, { namespace: "default", name: "web" })).metadata.resourceVersion;
  const before = await version();
  assert.equal((await call("PUT", "/api/v1/serviceLBs/default:web", SERVICE)).status, 200);
  assert.equal(await version(), before, "the same again is no write");
  await call("POST", "/api/v1/serviceLBs/default:web/", { ...SERVICE, ports: ["80:80:TCP", "53:53:udp"] });
  assert.equal(await vipOf(api, "default:web"), "100.1.1.3");
  const patched = await call("PATCH", "/api/v1/serviceLBs/default:web/", { networkName: "other" });
  assert.deepEqual(
    [patched.status, (patched.value as { ports: string[] }).ports],
    [200, ["80:80:TCP", "53:53:UDP"]],
  );
  assert.equal(await vipOf(api, "default:web"), "100.2.0.1");
  await call("POST", "/api/v1/serviceLBs/default:next/", SERVICE);
  assert.equal(await vipOf(api, "default:next"), "100.1.1.3", "the old address is free again");
  assert.match(
    await outcome("PATCH", "/api/v1/serviceLBs/default:web/", { ipAddress: "100.2.0.9" }),
    /^400 Cant change ipAddress of default:web from 100\.2\.0\.1 to 100\.2\.0\.9/,
  );
  assert.equal((await call("DELETE", "/api/v1/serviceLBs/default:web/")).value, "default:web");
  assert.equal(
    await outcome("DELETE", "/api/v1/serviceLBs/default:web/"),
    "404 serviceLB not found: default:web",
  );
});

test("what cannot be is refused with the right status, in Contiv's words, and changes nothing", async (t) => {
  const api = await start(t);
  const { call, outcome, client } = api;
  await call("POST", "/api/v1/networks/default:srv/", { subnet: "100.1.1.0/29", nwType: "infra" });
  await call("POST", "/api/v1/serviceLBs/default:web/", { ...SERVICE, ipAddress: "100.1.1.2" });
  const post = async (path: string, body: object): Promise<string> => outcome("POST", path, body);
  const table: readonly (readonly [string, object, RegExp])[] = [
    ["serviceLBs/none:x", SERVICE, /^404 Tenant none not found$/],
    ["serviceLBs/default:x", { ...SERVICE, networkName: "nope" }, /^404 Network nope not found/],
    [
      "serviceLBs/default:x",
      { ...SERVICE, ipAddress: "100.1.1.2" },
      /^409 .*provided IP is already allocated/,
    ],
    ["serviceLBs/default:x", { ...SERVICE, ipAddress: "100.9.1.2" }, /^400 .*not in the valid range/],
    ["serviceLBs/x", SERVICE, /^400 Invalid Key/],
    ["serviceLBs/default:x", {}, /^400 Invalid selector options.*Invalid Port maping/],
    ["networks/none:x", { subnet: "10.1.1.0/24" }, /^404 Tenant none not found$/],
    [
      "networks/default:x",
      { subnet: "100.1.1.0/30" },
      /^409 network x conflicts with subnet 100\.1\.1\.0\/29/,
    ],
    [
      "networks/default:x",
      { subnet: "10.1.1.0/24", gateway: "10.2.1.1" },
      /^400 gateway 10\.2\.1\.1 must be inside the subnet 10\.1\.1\.0\/24$/,
    ],
    [
      "networks/default:srv",
      { subnet: "100.1.2.0/29" },
      /^409 Cant change network parameters after its created/,
    ],
    ["tenants/default", { defaultNetwork: "srv" }, /^409 Cant change tenant parameters after its created/],
  ];
  for (const [path, body, expected] of table)
    assert.match(await post(`/api/v1/${path}/`, body), expected, `${path} ${JSON.stringify(body)}`);
  assert.deepEqual(
    (await client.list(serviceKind, { namespace: "default" })).items.map(({ metadata }) => metadata.name),
    ["web"],
  );
  assert.equal((await client.list(networkKind)).items.length, 1);
  assert.match(
    await outcome("DELETE", "/api/v1/networks/default:srv/"),
    /^409 cannot delete srv has 1 services/,
  );
  assert.match(
    await outcome("DELETE", "/api/v1/tenants/default/"),
    /^409 cannot delete default has 1 networks; cannot delete default has 1 services$/,
  );
  assert.match(
    await outcome("GET", "/api/v1/networks/default:none/"),
    /^404 network not found: default:none$/,
  );
  assert.match(await outcome("GET", "/api/v1/inspect/endpoints/abc/"), /^404 endpoint not found: abc$/);
  assert.match(await outcome("PATCH", "/api/v1/serviceLBs/default:none/", {}), /^404 serviceLB not found/);
  assert.match(await outcome("POST", "/api/v1/networks/"), /^405 POST is not possible here/);
  assert.match(await outcome("POST", "/api/v1/tenants/a/", "{"), /^400 the body is not JSON/);
  assert.match(
    await outcome("POST", "/api/v1/tenants/A_/?errors=plain", {}),
    /^500 tenantName string invalid/,
  );
  // Five of six addresses are left.
  for (const name of ["a", "b", "c", "d", "e"]) await post(`/api/v1/serviceLBs/default:${name}/`, SERVICE);
  assert.match(
    await post("/api/v1/serviceLBs/default:f/", SERVICE),
    /^409 .*auto allocation failed - address exhaustion in subnet 100\.1\.1\.0\/29/,
  );
});

test("with a container engine, a network is there when the engine has it, or not at all", async (t) => {
  const api = await start(t, 5000);
  const { client, call, outcome } = api;
  await client.create(nodeKind, { metadata: { name: "n1" } });
  const node = await client.get(nodeKind, { name: "n1" });
  const nodeInfo = { containerRuntimeVersion: "docker://28.0.0" } as never;
  await client.update(nodeKind, { ...node, status: { nodeInfo } }, { subresource: "status" });
  const stop = new AbortController();
  const { metadata } = await client.list(networkKind);
  // An engine that refuses what is called so.
  const engine = (async () => {
    const watch = client.watch(networkKind, {
      resourceVersion: metadata.resourceVersion!,
      signal: stop.signal,
    });
    for await (const { type, object } of watch) {
      if (type !== "ADDED") continue;
      const { name = "", namespace = "", generation = 1 } = object.metadata;
      const ready = { type: "Ready", observedGeneration: generation };
      const condition = name.startsWith("bad")
        ? { ...ready, status: "False", reason: "EngineRefused", message: "Pool overlaps with other one" }
        : { ...ready, status: "True", reason: "EngineNetworkReady", message: "" };
      if (name !== "silent")
        await client.patch(
          networkKind,
          { namespace, name },
          "merge",
          { status: { conditions: [condition] } },
          { subresource: "status" },
        );
    }
  })();
  assert.equal((await call("POST", "/api/v1/networks/default:good/", { subnet: "10.1.1.0/24" })).status, 200);
  const good = await client.get<Network>(networkKind, { namespace: "default", name: "good" });
  assert.equal(good.status!.conditions![0]!.status, "True");
  assert.equal(
    await outcome("POST", "/api/v1/networks/default:bad/", { subnet: "10.1.2.0/24" }),
    "409 the container engine refused the network: Pool overlaps with other one",
  );
  assert.deepEqual(
    (await client.list(networkKind)).items.map(({ metadata: { name } }) => name),
    ["good"],
  );
  // Who asks for the same at once is told the same, and not before the engine has said it.
  const thrice = async (name: string, subnet: string): Promise<number[]> =>
    Promise.all(
      Array.from({ length: 3 }, async () => {
        const { status } = await call("POST", `/api/v1/networks/default:${name}/`, { subnet });
        const found = await client
          .get<Network>(networkKind, { namespace: "default", name })
          .catch(() => null);
        return status === 200 && found?.status?.conditions?.[0]?.status !== "True" ? 0 : status;
      }),
    );
  assert.deepEqual(await thrice("same", "10.1.3.0/24"), [200, 200, 200]);
  assert.deepEqual(await thrice("badly", "10.1.4.0/24"), [409, 409, 409]);
  assert.equal((await client.list(networkKind)).items.length, 2);
  stop.abort();
  await engine;
});

test("an engine that says nothing in time has the network taken back", async (t) => {
  const { client, outcome } = await start(t, 20);
  await client.create(nodeKind, { metadata: { name: "n1" } });
  const node = await client.get(nodeKind, { name: "n1" });
  const nodeInfo = { containerRuntimeVersion: "podman://5" } as never;
  await client.update(nodeKind, { ...node, status: { nodeInfo } }, { subresource: "status" });
  assert.match(
    await outcome("POST", "/api/v1/networks/default:silent/", { subnet: "10.1.1.0/24" }),
    /^504 the container engine did not make the network within 0\.02 seconds/,
  );
  assert.equal((await client.list(networkKind)).items.length, 0);
});

test("names that Kubernetes does not allow are kept for those who gave them", async (t) => {
  const { call, client } = await start(t);
  await call("POST", "/api/v1/tenants/Blue.Team/", {});
  await call("POST", "/api/v1/networks/Blue.Team:Srv.Net/", { subnet: "100.1.1.0/24" });
  const made = await call("POST", "/api/v1/serviceLBs/Blue.Team:App_1/", {
    ...SERVICE,
    networkName: "Srv.Net",
  });
  assert.equal(made.status, 400, "an underscore is none of Contiv's either");
  await call("POST", "/api/v1/serviceLBs/Blue.Team:App.1/", { ...SERVICE, networkName: "Srv.Net" });
  const { value } = await call("GET", "/api/v1/serviceLBs/");
  assert.deepEqual(
    (value as { key: string; networkName: string }[]).map(({ key, networkName }) => [key, networkName]),
    [["Blue.Team:App.1", "Srv.Net"]],
  );
  const service = (await client.list(serviceKind)).items.find(({ spec }) => spec?.selector !== undefined);
  assert.match(`${service!.metadata.namespace}/${service!.metadata.name}`, /^blue-team-\w{8}\/app-1-\w{8}$/);
  const inspected = (await call("GET", "/api/v1/inspect/tenants/Blue.Team/")).value as {
    Oper: { totalNetworks: number; totalServicelbs: number };
  };
  assert.deepEqual([inspected.Oper.totalNetworks, inspected.Oper.totalServicelbs], [1, 1]);
});

test("whatever is sent, nothing is our fault, and what is refused leaves nothing behind", async (t) => {
  const { call, client } = await start(t);
  await call("POST", "/api/v1/networks/default:srv/", { subnet: "100.1.0.0/16" });
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom("", "default", "srv", "100.1.0.9", "10.1.1.0/24", "::", "fd00::/64"),
  );
  const item = fc.oneof(text, fc.constantFrom("80:80:TCP", "81:http:udp", "a=b", "x/y=z", "a=c"));
  const body = fc.oneof(
    fc.record(
      {
        networkName: text,
        ipAddress: text,
        balance: fc.oneof(text, fc.constant("random")),
        selectors: fc.array(item),
        ports: fc.array(item),
        subnet: text,
        gateway: text,
        ipv6Subnet: text,
        pktTag: fc.oneof(fc.integer(), text),
      },
      { requiredKeys: [] },
    ),
    fc.jsonValue(),
  );
  const name = fc.constantFrom("a", "B.c", "_", "a b", "%", "%2F", ":", "é", "x".repeat(300));
  const path = fc
    .tuple(fc.constantFrom("networks", "tenants", "serviceLBs", "inspect/networks"), name, name)
    .map(
      ([plural, tenant, own]) =>
        `/api/v1/${plural}/${plural === "tenants" ? own : `default:${own}${tenant === "_" ? ":" : ""}`}/`,
    );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE"),
      path,
      body,
      async (method, at, given) => {
        const count = async (): Promise<number> =>
          (await client.list(serviceKind)).items.length + (await client.list(networkKind)).items.length;
        const before = await count();
        const { status, value } = await call(method, at, given);
        assert.ok(status < 500, `${status} ${JSON.stringify(value)}`);
        if (status >= 400) assert.equal(await count(), before, JSON.stringify(value));
      },
    ),
    { numRuns: 200 },
  );
});

test("changes of different fields at once are all kept, and the same wishes at once come to one object", async (t) => {
  const { call, client } = await start(t);
  await call("POST", "/api/v1/networks/default:srv/", { subnet: "100.1.1.0/24" });
  const path = "/api/v1/serviceLBs/default:web/";
  await call("POST", path, SERVICE);
  for (let i = 1; i <= 10; i++) {
    const changes = [{ ports: [`${i}:80:TCP`] }, { selectors: [`tier=web${i}`] }, { balance: "random" }];
    const answers = await Promise.all(changes.map(async (change) => call("PATCH", path, change)));
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200],
    );
    const { ports, selectors, balance } = (await call("GET", path)).value as Record<string, unknown>;
    assert.deepEqual([ports, selectors, balance], [[`${i}:80:TCP`], [`tier=web${i}`], "random"]);
  }
  for (const [key, body] of [
    ["networks/default:n", { subnet: "100.2.0.0/24" }],
    ["tenants/blue", {}],
    ["serviceLBs/default:one", SERVICE],
  ] as const) {
    const work = Array.from({ length: 5 }, async () => (await call("POST", `/api/v1/${key}/`, body)).status);
    assert.deepEqual(await Promise.all(work), [200, 200, 200, 200, 200], key);
  }
  const { items } = await client.list(networkKind);
  assert.equal(items.length, 2);
});

test("an address that was asked for is forgotten with the network it was of, whoever moves the service", async (t) => {
  const api = await start(t);
  const { call, outcome, client } = api;
  for (const [name, subnet] of [
    ["srv", "100.1.1.0/24"],
    ["other", "100.1.2.0/24"],
  ] as const)
    await call("POST", `/api/v1/networks/default:${name}/`, { subnet });
  const path = "/api/v1/serviceLBs/default:web/";
  await call("POST", path, { ...SERVICE, ipAddress: "100.1.1.9" });
  assert.equal((await call("PATCH", path, { networkName: "other" })).status, 200);
  assert.equal(await vipOf(api, "default:web"), "100.1.2.3");
  assert.match(
    await outcome("PATCH", path, { networkName: "srv", ipAddress: "100.1.2.7" }),
    /^400 .*the provided IP \(100\.1\.2\.7\) is not in the valid range/,
  );
  assert.equal(await vipOf(api, "default:web"), "100.1.2.3");
  assert.equal((await call("PATCH", path, { networkName: "srv", ipAddress: "100.1.1.7" })).status, 200);
  assert.equal(await vipOf(api, "default:web"), "100.1.1.7");
  assert.deepEqual(
    (await client.list(ipAddressKind)).items
      .map(({ metadata }) => metadata.name)
      .filter((name) => name?.startsWith("100.")),
    ["100.1.1.7"],
  );
  await call("DELETE", path);
  await call("POST", path, { ...SERVICE, ipAddress: "100.1.1.9" });
  const move = { metadata: { annotations: { "fairlead.dev/network": "other" } } };
  await client.patch(serviceKind, { namespace: "default", name: "web" }, "merge", move);
  assert.equal(((await call("GET", path)).value as { ipAddress: string }).ipAddress, "");
  assert.equal((await call("PATCH", path, { ports: ["1:1:TCP"] })).status, 200);
  assert.equal(await vipOf(api, "default:web"), "100.1.2.3");
});

test("a service has an address of each IP family that its network has", async (t) => {
  const api = await start(t);
  const { call, client } = api;
  const networks = { four: { subnet: "100.1.1.0/24" }, six: { ipv6Subnet: "fd00:1::/64" } };
  for (const [name, body] of Object.entries({
    ...networks,
    both: { subnet: "100.1.2.0/24", ipv6Subnet: "fd00:2::/64" },
  }))
    await call("POST", `/api/v1/networks/default:${name}/`, body);
  const path = "/api/v1/serviceLBs/default:web/";
  const vips = async (): Promise<unknown> => {
    const { value } = await call("GET", "/api/v1/inspect/serviceLBs/default:web/");
    const { serviceVip, serviceVips = [serviceVip] } = (value as { Oper: ServiceOper }).Oper;
    const { spec } = await client.get(serviceKind, { namespace: "default", name: "web" });
    assert.deepEqual(spec?.clusterIPs, serviceVips);
    return serviceVips;
  };
  for (const [networkName, wanted] of [
    ["four", ["100.1.1.3"]],
    ["both", ["100.1.2.3", "fd00:2::3"]],
    ["six", ["fd00:1::3"]],
    ["four", ["100.1.1.3"]],
    ["six", ["fd00:1::3"]],
    ["both", ["100.1.2.3", "fd00:2::3"]],
    ["four", ["100.1.1.3"]],
  ] as const) {
    assert.equal((await call("POST", path, { ...SERVICE, networkName })).status, 200);
    assert.deepEqual(await vips(), wanted, networkName);
  }
  await call("DELETE", path);
  await call("POST", path, { ...SERVICE, networkName: "both", ipAddress: "fd00:2::7" });
  assert.deepEqual(await vips(), ["fd00:2::7", "100.1.2.3"]);
  await call("POST", path, { ...SERVICE, networkName: "both", ports: ["1:1:TCP"], ipAddress: "fd00:2::7" });
  assert.deepEqual(await vips(), ["fd00:2::7", "100.1.2.3"]);
  await call("POST", path, { ...SERVICE, networkName: "four", ipAddress: "100.1.1.9" });
  assert.deepEqual(await vips(), ["100.1.1.9"]);
});

test("a Service of kubectl's keeps what Contiv has no word for, and gets no network that has no address for it", async (t) => {
  const { call, outcome, client } = await start(t);
  await call("POST", "/api/v1/networks/default:srv/", { subnet: "100.1.1.0/24" });
  const make = async (name: string, spec: object): Promise<unknown> =>
    client.create(serviceKind, { metadata: { namespace: "default", name }, spec });
  const specOf = async (name: string): Promise<Record<string, unknown>> =>
    (await client.get(serviceKind, { namespace: "default", name })).spec as Record<string, unknown>;
  const selector = { app: "a" };
  await make("lb", {
    type: "LoadBalancer",
    selector,
    sessionAffinity: "ClientIP",
    externalTrafficPolicy: "Local",
    externalIPs: ["1.2.3.4"],
    ports: [
      { name: "http", port: 80, targetPort: "web", nodePort: 30080, appProtocol: "http" },
      { name: "s", port: 81, protocol: "SCTP" },
    ],
  });
  const path = "/api/v1/serviceLBs/default:lb/";
  const before = await specOf("lb");
  const read = (await call("GET", path)).value as { ports: string[] };
  assert.deepEqual(read.ports, ["80:web:TCP", "81:81:SCTP"]);
  assert.equal((await call("PUT", path, read)).status, 200);
  assert.deepEqual(await specOf("lb"), before);
  assert.equal((await call("PATCH", path, { ports: ["80:8000:TCP", "81:81:SCTP"] })).status, 200);
  const [first, ...rest] = before["ports"] as object[];
  assert.deepEqual(await specOf("lb"), { ...before, ports: [{ ...first, targetPort: 8000 }, ...rest] });
  await make("unnamed", { selector, ports: [{ port: 80 }] });
  await call("PATCH", "/api/v1/serviceLBs/default:unnamed/", { ports: ["80:81:TCP"] });
  assert.deepEqual((await specOf("unnamed"))["ports"], [{ port: 80, protocol: "TCP", targetPort: 81 }]);
  for (const [name, spec, why] of [
    ["external", { type: "ExternalName", externalName: "a.b" }, "its type is ExternalName"],
    ["headless", { clusterIP: "None", selector }, "it is headless"],
  ] as const) {
    await make(name, spec);
    const kept = await specOf(name);
    assert.equal(
      await outcome("PUT", `/api/v1/serviceLBs/default:${name}/`, SERVICE),
      `409 Network srv has no address for default:${name}: ${why}`,
    );
    assert.deepEqual(await specOf(name), kept);
  }
});

test("Kubernetes' name for a name of Contiv's makes no second object of it; no id is what all objects inherit", async (t) => {
  const { call, outcome } = await start(t);
  await call("POST", "/api/v1/serviceLBs/default:Web/", { ...SERVICE, networkName: "" });
  const alias = kubernetesName("serviceLBs", "Web");
  assert.equal(
    await outcome("POST", `/api/v1/serviceLBs/default:${alias}/`, { ...SERVICE, ports: ["1:1:TCP"] }),
    `409 the name ${alias} is taken: ${alias} is what Web is called in Kubernetes`,
  );
  await call("POST", "/api/v1/tenants/Blue/", {});
  assert.match(await outcome("POST", `/api/v1/tenants/${kubernetesName("tenants", "Blue")}/`, {}), /^409 /);
  for (const id of ["constructor", "__proto__", "toString"])
    assert.match(await outcome("GET", `/service/${id}`), /^404 service not found/);
});

test("an address that something else than a service has is taken; one that is outside is wrong", async (t) => {
  const { call, outcome, client } = await start(t);
  await call("POST", "/api/v1/networks/default:srv/", { subnet: "100.1.1.0/24" });
  const pod = { namespace: "default", name: "p" };
  await client.create(podKind, { metadata: pod, spec: { containers: [{ name: "c", image: "i" }] } });
  const status = { phase: "Running" as const, podIP: "100.1.1.200", podIPs: [{ ip: "100.1.1.200" }] };
  await client.patch(podKind, pod, "merge", { status }, { subresource: "status" });
  // Of Pods the allocation knows by its watch.
  await setImmediate();
  const table: readonly (readonly [string, RegExp])[] = [
    ["100.1.1.1", /^409 .*it is the gateway of network default\/srv/],
    ["100.1.1.2", /^409 .*it is the address of the DNS/],
    ["100.1.1.200", /^409 .*it is the address of Pod default\/p/],
    ["100.1.1.255", /^400 .*not in the valid range/],
    ["100.9.1.1", /^400 .*not in the valid range/],
  ];
  for (const [ipAddress, refusal] of table)
    assert.match(
      await outcome("POST", "/api/v1/serviceLBs/default:web/", { ...SERVICE, ipAddress }),
      refusal,
    );
});

test("a body that is nested too deep is refused, in every field and verb", async (t) => {
  const { call, outcome } = await start(t);
  await call("POST", "/api/v1/serviceLBs/default:web/", { ...SERVICE, networkName: "" });
  const deep = (open: string, close: string): string => `${open.repeat(100_000)}1${close.repeat(100_000)}`;
  for (const value of [deep("[", "]"), deep('{"a":', "}")])
    for (const method of ["POST", "PATCH"])
      assert.match(
        await outcome(method, "/api/v1/serviceLBs/default:web/", `{"networkName":${value}}`),
        /^400 the body cannot be read: exceeded max depth/,
      );
});

test("a full network says so in Contiv's words, and gives an address that is free again", async (t) => {
  const api = await start(t);
  await api.call("POST", "/api/v1/networks/default:srv/", { subnet: "100.1.1.0/28" });
  const post = async (name: string): Promise<string> =>
    api.outcome("POST", `/api/v1/serviceLBs/default:${name}/`, SERVICE);
  for (const name of ["a", "b", "c", "d", "e"]) await post(name);
  const full = "409 auto allocation failed - address exhaustion in subnet 100.1.1.0/28";
  assert.equal(await post("f"), full);
  await api.call("DELETE", "/api/v1/serviceLBs/default:c/");
  await post("g");
  assert.equal(await vipOf(api, "default:g"), "100.1.1.5");
  assert.equal(await post("f"), full);
});
