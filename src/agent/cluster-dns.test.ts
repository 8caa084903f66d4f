/** The cluster's DNS on one node, over an API in memory: what follows a write, and what is written. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { test, type TestContext } from "node:test";
import { ApiError } from "../api/api-error.ts";
import { endpointSliceKind } from "../api/endpointslice/kind.ts";
import { networkKind } from "../api/network/kind.ts";
import type { Network } from "../api/network/type.ts";
import { failure } from "../api/status-errors.ts";
import { serviceKind } from "../api/service/kind.ts";
import { cidr, ip } from "../base/ip.ts";
import { type Log, silentLog } from "../base/log.ts";
import { createMemoryApi, type MemoryApi } from "../client/memory-api.ts";
import { readMessage } from "../net/dns/message.ts";
import { questionMessage } from "../net/dns/query.ts";
import { messageText } from "../net/dns/text.ts";
import { parseQuestion, service, slice } from "../dns/zone-fixture.ts";
import { startClusterDns } from "./cluster-dns.ts";
import { withdrawDnsEndpoints, withdrawDnsService } from "./dns-service.ts";

const KUBE_DNS = { namespace: "kube-system", name: "kube-dns" };

interface Lab {
  readonly api: MemoryApi;
  /** The records of the answer, as text. */
  readonly ask: (text: string) => Promise<string[]>;
}

async function lab(
  t: TestContext,
  api: MemoryApi = createMemoryApi(),
  nodeName: string = "node-1",
  log: Log = silentLog,
): Promise<Lab> {
  const stop = new AbortController();
  const dns = await startClusterDns(
    {
      clusterIP: "10.96.0.10",
      domain: "cluster.local",
      nodeName,
      netns: undefined,
      reach: "loopback",
      listen: { address: ip("127.0.0.1"), port: 0 },
      serviceCidrs: [cidr("10.96.0.0/16")],
      upstreams: [],
    },
    { client: api, log, signal: stop.signal },
  );
  const socket = createSocket("udp4");
  t.after(async () => {
    stop.abort();
    socket.close();
    await dns.done;
  });
  await dns.published;
  const { port } = dns.servers[0]!;
  return {
    api,
    async ask(text) {
      socket.send(questionMessage({ ...parseQuestion(text), id: 1, flags: 0 }), port, "127.0.0.1");
      const [bytes] = (await once(socket, "message")) as [Buffer];
      return messageText(readMessage(bytes)).filter((line) => !line.startsWith("authority"));
    },
  };
}

/** Until the handlers of a watch have run. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

test("an answer changes in the turn in which the API tells of the change, whatever the number of records", async (t) => {
  const { api, ask } = await lab(t);
  for (let i = 0; i < 2000; i++)
    api.put(serviceKind, service(`many/web-${i}`, [`10.96.${8 + (i >> 8)}.${i & 255}`], ["http 80/TCP"]));
  await turn();
  const took: number[] = [];
  for (let i = 1; i <= 21; i++) {
    const began = performance.now();
    api.put(serviceKind, service("default/web", [`10.96.0.${100 + i}`]));
    await turn();
    assert.deepEqual(await ask("web.default.svc.cluster.local. A"), [
      "NOERROR AA RA",
      `web.default.svc.cluster.local. 5 IN A 10.96.0.${100 + i}`,
    ]);
    took.push(performance.now() - began);
  }
  const median = took.sort((a, b) => a - b)[10]!;
  assert.ok(median < 10, `${median} ms`);
});

test("endpoints, pods and namespaces are followed; a slice may change its Service", async (t) => {
  const { api, ask } = await lab(t);
  const at = (label: string): string => `${label}.default.svc.cluster.local.`;
  api.put(serviceKind, service("default/a", ["None"]));
  api.put(serviceKind, service("default/b", ["None"]));
  const moving = slice("default/a", "x", ["10.244.0.5"]);
  api.put(endpointSliceKind, moving);
  await turn();
  assert.deepEqual((await ask(`${at("a")} A`)).slice(1), [`${at("a")} 5 IN A 10.244.0.5`]);
  const labels = { "kubernetes.io/service-name": "b" };
  api.put(endpointSliceKind, { ...moving, metadata: { ...moving.metadata, labels } });
  await turn();
  assert.deepEqual(await ask(`${at("a")} A`), ["NXDOMAIN AA RA"]);
  assert.deepEqual((await ask(`${at("b")} A`)).slice(1), [`${at("b")} 5 IN A 10.244.0.5`]);
  api.remove(endpointSliceKind, { namespace: "default", name: "a-x" });
  await turn();
  assert.deepEqual(await ask(`${at("b")} A`), ["NXDOMAIN AA RA"]);
});

test("the Service kube-dns and its slice are made once, and again when they are gone or changed", async (t) => {
  const { api, ask } = await lab(t);
  const made = await api.get(serviceKind, KUBE_DNS);
  assert.equal(made.spec?.clusterIP, "10.96.0.10");
  assert.equal(made.metadata.labels?.["k8s-app"], "kube-dns");
  const [own] = api.all(endpointSliceKind);
  assert.equal(own?.metadata.name, "kube-dns-node-1-ipv4");
  assert.deepEqual(own?.endpoints[0]?.addresses, ["127.0.0.1"]);
  await turn();
  assert.equal((await ask("kube-dns.kube-system.svc.cluster.local. A")).length, 2);

  const until = async (holds: () => boolean): Promise<void> => {
    const end = performance.now() + 5000;
    while (!holds()) {
      assert.ok(performance.now() < end, "not made good");
      await turn();
    }
  };
  const writes = api.writes.length;
  api.remove(serviceKind, KUBE_DNS);
  await until(() => api.all(serviceKind).length === 1);
  api.put(endpointSliceKind, { ...own, endpoints: [] });
  await until(() => api.all(endpointSliceKind)[0]?.endpoints.length === 1);
  assert.equal(api.writes.length, writes + 2);

  await withdrawDnsService(api);
  await until(() => api.all(serviceKind).length === 1);
});

test("each Network's DNS address leads to the server while the Network is there", async (t) => {
  const { api } = await lab(t);
  const addresses = (): string => String(api.all(serviceKind)[0]?.spec?.externalIPs);
  const until = async (wanted: readonly string[]): Promise<void> => {
    const end = performance.now() + 5000;
    while (addresses() !== wanted.join()) {
      assert.ok(performance.now() < end, addresses());
      await turn();
    }
  };
  const network = (name: string, subnet: string): Network => ({
    metadata: { namespace: "default", name },
    spec: { subnet },
  });
  api.put(networkKind, network("contiv-net", "10.1.1.0/24"));
  await until(["10.1.1.2"]);
  const current = await api.get(serviceKind, KUBE_DNS);
  const externalIPs = ["192.0.2.1", ...(current.spec?.externalIPs ?? [])];
  await api.update(serviceKind, { ...current, spec: { ...current.spec, externalIPs } });
  api.put(networkKind, network("client-net", "11.1.1.0/24"));
  await until(["192.0.2.1", "10.1.1.2", "11.1.1.2"]);
  api.remove(networkKind, { namespace: "default", name: "contiv-net" });
  await until(["192.0.2.1", "11.1.1.2"]);
  api.remove(serviceKind, KUBE_DNS);
  await until(["11.1.1.2"]);
});

test("a server that tells nobody of Networks, or has none, has names all the same; nothing is logged", async (t) => {
  for (const [reason, code] of [
    ["Forbidden", 403],
    ["NotFound", 404],
  ] as const) {
    const refusal = new ApiError(failure(code, reason, "networks"));
    const api = createMemoryApi();
    const list: MemoryApi["list"] = (kind, query) =>
      kind.kind === "Network" ? Promise.reject(refusal) : api.list(kind, query);
    const said: unknown[] = [];
    const log = { ...silentLog, warn: (...what: unknown[]) => said.push(what) };
    const { ask } = await lab(t, { ...api, list }, "node-1", log);
    assert.equal((await ask("kube-dns.kube-system.svc.cluster.local. A")).length, 2);
    assert.deepEqual(said, []);
  }
});

test("servers of several nodes are endpoints of one Service, each for its own node first", async (t) => {
  const api = createMemoryApi();
  // At the same time: one of them finds that the other has made the Service.
  await Promise.all([lab(t, api, "node-1"), lab(t, api, "node-2")]);
  assert.equal(api.all(serviceKind).length, 1);
  const seen = api
    .all(endpointSliceKind)
    .map(({ metadata, endpoints }) => [metadata.name, endpoints[0]?.nodeName, endpoints[0]?.hints?.forNodes]);
  assert.deepEqual(
    new Map(seen.map((one) => [one[0], one])),
    new Map(
      ["node-1", "node-2"].map((node) => [
        `kube-dns-${node}-ipv4`,
        [`kube-dns-${node}-ipv4`, node, [{ name: node }]],
      ]),
    ),
  );
});

test("what leads to one node's server can be taken away alone", async () => {
  const api = createMemoryApi();
  for (const name of ["kube-dns-node-1-ipv4", "kube-dns-node-1-ipv6", "kube-dns-node-2-ipv4"])
    api.put(endpointSliceKind, {
      ...slice("kube-system/kube-dns", "x", []),
      metadata: { namespace: "kube-system", name },
    });
  await withdrawDnsEndpoints(api, "node-1");
  assert.deepEqual(
    api.all(endpointSliceKind).map(({ metadata }) => metadata.name),
    ["kube-dns-node-2-ipv4"],
  );
});

test("a kube-dns that selects pods is somebody else's", async (t) => {
  const api = createMemoryApi();
  const theirs = service("kube-system/kube-dns", ["10.96.0.77"], ["dns 53/UDP"], {
    selector: { app: "coredns" },
  });
  api.put(serviceKind, theirs);
  await lab(t, api);
  assert.equal((await api.get(serviceKind, KUBE_DNS)).spec?.clusterIP, "10.96.0.77");
  assert.deepEqual(api.all(endpointSliceKind), [], "endpoints of ours would take a part of the questions");
  await withdrawDnsService(api);
  assert.equal(api.all(serviceKind).length, 1);
});
