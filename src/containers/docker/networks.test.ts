import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { namespaceKind } from "../../api/namespace/kind.ts";
import { networkKind } from "../../api/network/kind.ts";
import { ENGINE_FINALIZER, type Network, type NetworkSpec } from "../../api/network/type.ts";
import { serviceKind } from "../../api/service/kind.ts";
import { notFound } from "../../api/status-errors.ts";
import { pause } from "../../base/backoff.ts";
import { type Log, silentLog } from "../../base/log.ts";
import { createMemoryApi, type MemoryApi } from "../../client/memory-api.ts";
import { EngineError } from "./engine-error.ts";
import { EngineNetworks } from "./engine-networks.ts";
import type { NetworkInspect } from "./engine-types.ts";
import { FakeEngine } from "./fake-engine.ts";
import { Networks } from "./networks.ts";

const DEADLINE = 5000;
const QUICK = { initial: 1, limit: 5 };

/** A fairlead with an engine in memory: what runtime.ts puts together, without containers. */
class Fairlead implements AsyncDisposable {
  readonly networks: Networks;
  readonly engineNetworks: EngineNetworks;
  readonly #end = new AbortController();
  readonly #done: Promise<unknown>;
  owners = 0;

  constructor(engine: FakeEngine, api: MemoryApi, log: Log = silentLog, machine: readonly string[] = []) {
    this.engineNetworks = new EngineNetworks({
      engine,
      onChange: (before, after) => this.networks.engineChanged(before, after),
    });
    this.networks = new Networks({
      client: api,
      engine,
      engineNetworks: this.engineNetworks,
      machineAddresses: () => machine,
      log,
      signal: this.#end.signal,
      onOwners: () => this.owners++,
      probeInterval: 1,
      backoff: QUICK,
    });
    this.#done = Promise.all([this.networks.run(), this.#follow(engine)]);
  }

  /** As EngineWatch does: subscribe, list, follow. */
  async #follow(engine: FakeEngine): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      await pause(1, signal);
      const events = await engine.events({ signal }).catch(() => []);
      await this.networks.known;
      await this.relist();
      for await (const { Type, Action, Actor } of events) {
        if (signal.aborted || Type !== "network") continue;
        if (Action === "disconnect") this.networks.containerLeft(Actor.ID);
        else if (Action !== "connect") this.engineNetworks.refresh().catch(() => undefined);
      }
    }
  }

  async relist(): Promise<void> {
    await this.engineNetworks.refresh().catch(() => undefined);
    this.networks.lookAtAll();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#done;
  }
}

/** An API server of an installation, which the uid of the namespace kube-system tells from others: uids are counted. */
function installation(number = 1): MemoryApi {
  const api = createMemoryApi();
  for (let i = 1; i < number; i++) api.put(namespaceKind, { metadata: { name: `before-${i}` } });
  api.put(namespaceKind, { metadata: { name: "kube-system" } });
  return api;
}

function put(
  api: MemoryApi,
  key: string,
  spec: NetworkSpec,
  metadata: Partial<Network["metadata"]> = {},
): Network {
  const [namespace, name] = key.split("/") as [string, string];
  return api.put(networkKind, { metadata: { namespace, name, generation: 1, ...metadata }, spec });
}

function service(
  api: MemoryApi,
  name: string,
  network: string,
  clusterIP: string,
  namespace: string = "default",
): void {
  api.put(serviceKind, {
    metadata: { namespace, name, annotations: { "fairlead.dev/network": network } },
    spec: { clusterIPs: [clusterIP] },
  });
}

function get(api: MemoryApi, key: string): Network | undefined {
  return api.all(networkKind).find(({ metadata }) => `${metadata.namespace}/${metadata.name}` === key);
}

/** "True EngineNetworkReady contiv-net" */
function stateOf(network: Network | undefined): string | undefined {
  const [condition] = network?.status?.conditions ?? [];
  if (condition === undefined) return undefined;
  return [condition.status, condition.reason, network?.status?.dockerNetwork?.name].filter(Boolean).join(" ");
}

function messageOf(api: MemoryApi, key: string): string {
  return get(api, key)?.status?.conditions?.[0]?.message ?? "";
}

/** "contiv-net 10.1.1.0/24", ... in order. */
function engineHas({ networksById }: FakeEngine): string[] {
  return Array.from(networksById.values(), ({ Name, IPAM }) => `${Name} ${IPAM?.Config?.[0]?.Subnet}`).sort();
}

async function until(holds: () => boolean, what: () => unknown = () => holds.toString()): Promise<void> {
  const limit = performance.now() + DEADLINE;
  while (!holds()) {
    if (performance.now() > limit) assert.fail(`did not happen: ${JSON.stringify(what())}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function untilState(api: MemoryApi, key: string, state: string | undefined): Promise<void> {
  await until(
    () => stateOf(get(api, key)) === state,
    () => get(api, key),
  );
}

function byHand(engine: FakeEngine, name: string, subnet: string, Driver = "bridge"): Promise<string> {
  return engine.createNetwork({
    Name: name,
    CheckDuplicate: true,
    Driver,
    EnableIPv6: false,
    IPAM: { Driver: "default", Config: [{ Subnet: subnet }] },
    Labels: {},
  });
}

/** As the server does where there are finalizers: it is gone when they are. */
async function remove(api: MemoryApi, key: string): Promise<void> {
  const { metadata, ...rest } = get(api, key)!;
  api.put(networkKind, { ...rest, metadata: { ...metadata, deletionTimestamp: "2026-01-02T03:04:05Z" } });
  await until(() => get(api, key)!.metadata.finalizers?.length === 0);
  api.remove(networkKind, { namespace: metadata.namespace!, name: metadata.name! });
}

test("a network is made with the Network, held by the finalizer before, and removed with it", async () => {
  const engine = new FakeEngine();
  const api = installation();
  await using _ = new Fairlead(engine, api);
  put(api, "default/contiv-net", { subnet: "10.1.1.0/24" });
  put(api, "blue/net", { subnet: "10.2.1.0/24" });
  put(api, "default/vips", { subnet: "100.1.1.0/24", type: "Infra" });
  await untilState(api, "default/contiv-net", "True EngineNetworkReady contiv-net");
  await untilState(api, "blue/net", "True EngineNetworkReady net/blue");
  await untilState(api, "default/vips", "True NoEngineNetwork");
  assert.deepEqual(engineHas(engine), ["contiv-net 10.1.1.0/24", "net/blue 10.2.1.0/24"]);
  assert.deepEqual(get(api, "blue/net")!.metadata.finalizers, [ENGINE_FINALIZER]);
  assert.deepEqual(get(api, "default/vips")!.metadata.finalizers, undefined);
  const [id] = [...engine.networksById].find(([, { Name }]) => Name === "net/blue")!;
  assert.equal(get(api, "blue/net")!.status?.dockerNetwork?.id, id);
  await remove(api, "blue/net");
  assert.deepEqual(engineHas(engine), ["contiv-net 10.1.1.0/24"]);
});

test("what the engine refuses is said in its words, with what is in the way, and made when that has gone", async () => {
  const engine = new FakeEngine();
  const api = installation();
  const id = await byHand(engine, "mine", "10.1.0.0/16");
  await using _ = new Fairlead(engine, api);
  put(api, "default/contiv-net", { subnet: "10.1.1.0/24" });
  await untilState(api, "default/contiv-net", "False EngineRefused");
  assert.equal(
    messageOf(api, "default/contiv-net"),
    "Pool overlaps with other one on this address space: mine (10.1.0.0/16)",
  );
  await engine.removeNetwork(id);
  await untilState(api, "default/contiv-net", "True EngineNetworkReady contiv-net");
});

test("a subnet within the default bridge's is refused, though Docker 20.10 would make it", async () => {
  const engine = new FakeEngine();
  engine.checksOverlaps = false;
  const api = installation();
  const id = await byHand(engine, "bridge", "172.17.0.0/16");
  await byHand(engine, "lan", "10.1.0.0/16", "macvlan");
  await using _ = new Fairlead(engine, api);
  put(api, "default/bad", { subnet: "172.17.5.0/24" });
  put(api, "default/good", { subnet: "10.1.1.0/24" });
  await untilState(api, "default/bad", "False EngineRefused");
  assert.equal(
    messageOf(api, "default/bad"),
    "Pool overlaps with other one on this address space: bridge (172.17.0.0/16)",
  );
  await untilState(api, "default/good", "True EngineNetworkReady good");
  await engine.removeNetwork(id);
  await untilState(api, "default/bad", "True EngineNetworkReady bad");
});

test("a subnet that the machine itself is in is refused: the bridge would take the machine's own traffic", async () => {
  const engine = new FakeEngine();
  const api = installation();
  const machine = ["192.168.1.5", "fd00:5::7"];
  await using _ = new Fairlead(engine, api, silentLog, machine);
  put(api, "default/lan", { subnet: "192.168.1.0/24" });
  put(api, "default/six", { subnet: "10.1.2.0/24", ipv6Subnet: "fd00:5::/64" });
  put(api, "default/good", { subnet: "192.168.2.0/24" });
  await untilState(api, "default/lan", "False HasMachineAddress");
  await untilState(api, "default/six", "False HasMachineAddress");
  assert.match(messageOf(api, "default/lan"), /^its subnet holds 192\.168\.1\.5 of this machine/);
  await untilState(api, "default/good", "True EngineNetworkReady good");
  assert.deepEqual(
    (await engine.networks()).map(({ Name }) => Name),
    ["good"],
  );
  machine.splice(0);
  await untilState(api, "default/lan", "True EngineNetworkReady lan");
});

test("a name that somebody's own network has: used where the subnet is the same, and never removed", async () => {
  const engine = new FakeEngine();
  const api = installation();
  await byHand(engine, "same", "10.1.1.0/24");
  const other = await byHand(engine, "other", "10.9.0.0/16");
  await byHand(engine, "lan", "10.3.1.0/24", "macvlan");
  await using fairlead = new Fairlead(engine, api);
  for (const [name, subnet] of [
    ["same", "10.1.1.0/24"],
    ["other", "10.2.1.0/24"],
    ["lan", "10.3.1.0/24"],
    ["bridge", "10.4.1.0/24"],
  ])
    put(api, `default/${name}`, { subnet: subnet! });
  await untilState(api, "default/same", "True MadeByHand same");
  assert.match(
    messageOf(api, "default/same"),
    /never removed; the containers' part of 10.1.1.0\/24 is 10.1.1.0\/24/,
  );
  await untilState(api, "default/other", "False NameTaken");
  assert.match(messageOf(api, "default/other"), /other \(bridge, 10.9.0.0\/16\).*: docker network rm other/);
  await untilState(api, "default/lan", "False NameTaken");
  await untilState(api, "default/bridge", "False NotPossible");
  const same = [...engine.networksById.values()].find(({ Name }) => Name === "same")!;
  assert.deepEqual(fairlead.networks.ownerOf(same), { namespace: "default", name: "same" });
  await remove(api, "default/same");
  assert.deepEqual(engineHas(engine), ["lan 10.3.1.0/24", "other 10.9.0.0/16", "same 10.1.1.0/24"]);
  await until(() => fairlead.networks.ownerOf(same) === undefined);
  await engine.removeNetwork(other);
  await untilState(api, "default/other", "True EngineNetworkReady other");
});

test("a network that was removed by hand is made again", async () => {
  const engine = new FakeEngine();
  const api = installation();
  await using _ = new Fairlead(engine, api);
  put(api, "default/net", { subnet: "10.1.1.0/24" });
  await untilState(api, "default/net", "True EngineNetworkReady net");
  const before = get(api, "default/net")!.status!.dockerNetwork!.id!;
  await engine.removeNetwork(before);
  await until(() => engineHas(engine).length === 1);
  await until(() => get(api, "default/net")!.status!.dockerNetwork!.id !== before);
});

test("what is left of a Network that is gone is removed, when nobody is on it any more", async () => {
  const engine = new FakeEngine();
  const api = installation();
  {
    await using _ = new Fairlead(engine, api);
    for (const name of ["idle", "busy", "kept"])
      put(api, `default/${name}`, { subnet: `10.${name.length}.${name.charCodeAt(0)}.0/24` });
    for (const name of ["idle", "busy", "kept"])
      await untilState(api, `default/${name}`, `True EngineNetworkReady ${name}`);
  }
  const [busy] = [...engine.networksById].find(([, { Name }]) => Name === "busy")!;
  engine.attach(busy, "web-1", true);
  engine.attach(busy, "web-2", true);
  for (const name of ["idle", "busy"]) api.remove(networkKind, { namespace: "default", name });
  await byHand(engine, "mine", "10.99.0.0/16");
  await using _ = new Fairlead(engine, api);
  const names = () => engineHas(engine).map((one) => one.split(" ")[0]!);
  await until(() => !names().includes("idle"));
  await until(() => engine.asked.remove >= 2);
  engine.attach(busy, "web-1", false);
  assert.ok(names().includes("busy"));
  engine.attach(busy, "web-2", false);
  await until(() => !names().includes("busy"), names);
  assert.deepEqual(names(), ["kept", "mine"]);
});

test("a Network that goes while containers are on it says which, and goes with the last of them", async () => {
  const engine = new FakeEngine();
  const api = installation();
  await using _ = new Fairlead(engine, api);
  put(api, "default/net", { subnet: "10.1.1.0/24" });
  await untilState(api, "default/net", "True EngineNetworkReady net");
  const id = get(api, "default/net")!.status!.dockerNetwork!.id!;
  engine.attach(id, "web-1", true);
  const gone = remove(api, "default/net");
  await untilState(api, "default/net", "False InUse net");
  assert.match(messageOf(api, "default/net"), /has active endpoints \(web-1\)$/);
  engine.attach(id, "web-1", false);
  await gone;
  assert.deepEqual(engineHas(engine), []);
});

test("an address that containers could be given is kept from them: the network is made anew if nobody is on it", async () => {
  const engine = new FakeEngine();
  const api = installation();
  await using fairlead = new Fairlead(engine, api);
  put(api, "default/net", { subnet: "10.1.1.0/24" });
  await untilState(api, "default/net", "True EngineNetworkReady net");
  const id = (): string => get(api, "default/net")!.status!.dockerNetwork!.id!;
  const reserved = (): string[] => {
    const network: NetworkInspect | undefined = engine.networksById.get(id());
    return Object.values(network?.IPAM?.Config?.[0]?.AuxiliaryAddresses ?? {});
  };
  const first = id();
  service(api, "low", "net", "10.1.1.3");
  service(api, "high", "net", "10.1.1.200");
  await until(() => id() !== first);
  assert.deepEqual(reserved(), ["10.1.1.2", "10.1.1.200"]);
  const second = id();
  engine.attach(second, "web-1", true);
  service(api, "higher", "net", "10.1.1.201");
  await untilState(api, "default/net", "True AddressNotReserved net");
  assert.match(
    messageOf(api, "default/net"),
    /^containers may be given 10\.1\.1\.201 of a Service .*\(web-1\)$/,
  );
  // Not with the container: it may be on its way back.
  const asked = engine.asked.remove;
  engine.attach(second, "web-1", false);
  service(api, "low", "net", "10.1.1.4");
  await until(() => id() !== second);
  assert.ok(engine.asked.remove > asked);
  assert.deepEqual(reserved(), ["10.1.1.2", "10.1.1.200", "10.1.1.201"]);
  // One that has stopped finds its network by id alone when it starts again.
  const third = id();
  engine.put({
    id: "web-2",
    state: { Running: false, Status: "exited" },
    networks: { net: { NetworkID: third } },
  });
  service(api, "highest", "net", "10.1.1.202");
  await untilState(api, "default/net", "True AddressNotReserved net");
  assert.match(messageOf(api, "default/net"), /10\.1\.1\.202 .*\(web-2\)$/);
  engine.containersById.clear();
  await fairlead.relist();
  await until(() => id() !== third && reserved().includes("10.1.1.202"));
});

test("a restart finds everything in order and asks for nothing", async () => {
  const engine = new FakeEngine();
  const api = installation();
  {
    await using _ = new Fairlead(engine, api);
    put(api, "default/net", { subnet: "10.1.1.0/24" });
    await untilState(api, "default/net", "True EngineNetworkReady net");
  }
  const { create, remove: removed } = engine.asked;
  const { length } = api.writes;
  await using fairlead = new Fairlead(engine, api);
  await fairlead.networks.known;
  await fairlead.relist();
  put(api, "default/second", { subnet: "10.2.1.0/24" });
  await untilState(api, "default/second", "True EngineNetworkReady second");
  assert.deepEqual([engine.asked.create - create, engine.asked.remove - removed], [1, 0]);
  assert.ok(api.writes.slice(length).every(({ key }) => key === "default/second"));
});

test("an engine that is away is told of once, and loses nothing", async () => {
  const engine = new FakeEngine();
  const api = installation();
  await using fairlead = new Fairlead(engine, api);
  await fairlead.networks.known;
  engine.failure = new EngineError("unreachable", "no container engine answers at unix:///x");
  put(api, "default/net", { subnet: "10.1.1.0/24" });
  await untilState(api, "default/net", "Unknown EngineUnreachable");
  assert.match(messageOf(api, "default/net"), /no container engine answers/);
  engine.failure = undefined;
  await untilState(api, "default/net", "True EngineNetworkReady net");
  engine.failure = new EngineError("unreachable", "no container engine answers at unix:///x");
  await fairlead.relist();
  assert.equal(stateOf(get(api, "default/net")), "True EngineNetworkReady net");
});

test("what the engine cannot do just now is tried again", async () => {
  const engine = new FakeEngine();
  const api = installation();
  await using fairlead = new Fairlead(engine, api);
  await fairlead.networks.known;
  const said = "iptables failed: another app is currently holding the xtables lock";
  engine.refuseCreate = new EngineError("refused", `500: ${said}`, { status: 500, said });
  put(api, "default/net", { subnet: "10.1.1.0/24" });
  await untilState(api, "default/net", "False EngineRefused");
  assert.equal(messageOf(api, "default/net"), said);
  engine.refuseCreate = undefined;
  await untilState(api, "default/net", "True EngineNetworkReady net");
});

test("where names have no slash, as Podman's, the tenant stands behind an underscore", async () => {
  const engine = new FakeEngine();
  const api = installation();
  const said = "network name net/blue invalid: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument";
  engine.refuseName = (name) =>
    name.includes("/") ? new EngineError("refused", said, { status: 400, said }) : undefined;
  await using _ = new Fairlead(engine, api);
  put(api, "blue/net", { subnet: "10.1.1.0/24" });
  put(api, "red/net", { subnet: "10.2.1.0/24" });
  await untilState(api, "blue/net", "True EngineNetworkReady net_blue");
  await untilState(api, "red/net", "True EngineNetworkReady net_red");
});

test("a refusal is a warning for who reads the log, unless it is who asked netmaster that waits for it", async () => {
  const engine = new FakeEngine();
  await byHand(engine, "mine", "10.1.0.0/16");
  const api = installation();
  const said: string[] = [];
  const note = (level: string) => (fields: unknown) => {
    const { network } = fields as { network?: string };
    // Of the Network, not of the engine's.
    if (network?.includes("/") === true) said.push(`${level} ${network}`);
  };
  await using fairlead = new Fairlead(engine, api, {
    ...silentLog,
    warn: note("warn"),
    info: note("info"),
  });
  await fairlead.networks.known;
  put(api, "default/kubectls", { subnet: "10.1.1.0/24" });
  await untilState(api, "default/kubectls", "False EngineRefused");
  const managedFields = [{ manager: "netmaster", operation: "Update" as const }];
  put(api, "default/asked", { subnet: "10.1.2.0/24" }, { managedFields });
  await untilState(api, "default/asked", "False EngineRefused");
  assert.deepEqual(said, ["warn default/kubectls", "info default/asked"]);
  // Of one that stood, nobody waits to hear.
  put(api, "default/stood", { subnet: "10.2.1.0/24" }, { managedFields });
  await untilState(api, "default/stood", "True EngineNetworkReady stood");
  engine.refuseCreate = new EngineError("refused", "400: no", { status: 400, said: "no" });
  await engine.removeNetwork(get(api, "default/stood")!.status!.dockerNetwork!.id!);
  await untilState(api, "default/stood", "False EngineRefused");
  assert.deepEqual(said.slice(2), ["warn default/stood"]);
});

test("the server going away for a while changes nothing, and one without the kind is no reason to speak", async () => {
  const engine = new FakeEngine();
  const api = installation();
  let has = false;
  const list = api.list.bind(api);
  api.list = async (kind, query) => {
    if (kind.plural === "networks" && !has) throw notFound(kind, "");
    return list(kind, query);
  };
  const said: string[] = [];
  const engineNetworks = new EngineNetworks({ engine, onChange() {} });
  const end = new AbortController();
  const networks = new Networks({
    client: api,
    engine,
    engineNetworks,
    log: { ...silentLog, warn: (_fields, text) => void said.push(text) },
    signal: end.signal,
    onOwners() {},
    probeInterval: 1,
    backoff: QUICK,
  });
  const done = networks.run();
  await networks.known;
  put(api, "default/net", { subnet: "10.1.1.0/24" });
  assert.deepEqual(engineHas(engine), []);
  has = true;
  await untilState(api, "default/net", "True EngineNetworkReady net");
  assert.deepEqual(said, []);
  api.fail(20);
  api.cutWatches("error");
  put(api, "default/second", { subnet: "10.2.1.0/24" });
  await untilState(api, "default/second", "True EngineNetworkReady second");
  end.abort();
  await done;
  assert.equal(engine.asked.create, 2);
});

test("two fairleads on one engine make each network once, and do not fight over what they say", async () => {
  const engine = new FakeEngine();
  const api = installation();
  await using first = new Fairlead(engine, api);
  await using second = new Fairlead(engine, api);
  await Promise.all([first.networks.known, second.networks.known]);
  const names = Array.from({ length: 20 }, (_, i) => `net-${i}`);
  for (const [i, name] of names.entries()) put(api, `default/${name}`, { subnet: `10.1.${i}.0/24` });
  for (const name of names) await untilState(api, `default/${name}`, `True EngineNetworkReady ${name}`);
  await first.relist();
  await second.relist();
  assert.equal(engineHas(engine).length, 20);
  const { version } = api;
  for (const fairlead of [first, second]) await fairlead.relist();
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(api.version - version <= 20, `${api.version - version} writes`);
});

test("whatever comes and goes in whatever order, the engine has what the Networks want, and what is not ours stays", async () => {
  const step = fc.record({
    what: fc.constantFrom(
      "put",
      "delete",
      "rm by hand",
      "vip",
      "attach",
      "detach",
      "restart",
      "engine away",
      "engine back",
    ),
    which: fc.nat(4),
    subnet: fc.nat(2),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const engine = new FakeEngine();
      const api = installation();
      await byHand(engine, "mine", "10.99.0.0/16");
      let fairlead = new Fairlead(engine, api);
      const ours = () => [...engine.networksById.values()].filter(({ Name }) => Name !== "mine");
      const removals: Promise<void>[] = [];
      for (const { what, which, subnet } of steps) {
        const key = `t${which % 2}/n${which}`;
        const network = get(api, key);
        const found = ours()[which];
        if (what === "put" && network === undefined) put(api, key, { subnet: `10.${which}.${subnet}.0/24` });
        if (what === "delete" && network !== undefined && network.metadata.deletionTimestamp === undefined) {
          // As on a server, where only what nobody holds goes at once.
          if (network.metadata.finalizers?.includes(ENGINE_FINALIZER)) removals.push(remove(api, key));
          else api.remove(networkKind, network.metadata as { namespace: string; name: string });
        }
        if (what === "vip")
          service(api, `s${subnet}`, `n${which}`, `10.${which}.${subnet}.200`, `t${which % 2}`);
        if (found !== undefined && what === "rm by hand")
          await engine.removeNetwork(found.Id).catch(() => undefined);
        if (found !== undefined && what === "attach") engine.attach(found.Id, `c${subnet}`, true);
        if (found !== undefined && what === "detach") engine.attach(found.Id, `c${subnet}`, false);
        if (what === "engine away") engine.failure = new EngineError("unreachable", "away");
        if (what === "engine back") engine.failure = undefined;
        if (what === "restart") {
          await fairlead[Symbol.asyncDispose]();
          fairlead = new Fairlead(engine, api);
        }
        if (subnet === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      engine.failure = undefined;
      for (const { Id, Containers } of ours())
        for (const id of Object.keys(Containers ?? {})) engine.attach(Id, id, false);
      await fairlead.relist();
      const wanted = (): string[] =>
        api
          .all(networkKind)
          .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
          .map(({ metadata: { name, namespace }, spec }) => `${name}/${namespace} ${spec!.subnet}`)
          .concat("mine 10.99.0.0/16")
          .sort();
      await until(
        () => JSON.stringify(engineHas(engine)) === JSON.stringify(wanted()),
        () => [engineHas(engine), wanted()],
      );
      for (const { metadata } of api.all(networkKind))
        await until(
          () => {
            const now = get(api, `${metadata.namespace}/${metadata.name}`);
            return (
              now === undefined ||
              stateOf(now) === `True EngineNetworkReady ${metadata.name}/${metadata.namespace}`
            );
          },
          () => get(api, `${metadata.namespace}/${metadata.name}`),
        );
      await Promise.all(removals);
      await fairlead[Symbol.asyncDispose]();
    }),
    { numRuns: 100 },
  );
});

test("two installations on one engine leave each other's networks alone", async () => {
  const engine = new FakeEngine();
  const [one, two] = [installation(1), installation(2)];
  await using first = new Fairlead(engine, one);
  put(one, "default/net-one", { subnet: "10.1.1.0/24" });
  await untilState(one, "default/net-one", "True EngineNetworkReady net-one");
  await using second = new Fairlead(engine, two);
  put(two, "default/net-two", { subnet: "10.2.1.0/24" });
  await untilState(two, "default/net-two", "True EngineNetworkReady net-two");
  await first.relist();
  await second.relist();
  // A name that the other has is taken; once both have decided about that, they have seen all else.
  put(one, "default/net-two", { subnet: "10.3.1.0/24" });
  put(two, "default/net-one", { subnet: "10.4.1.0/24" });
  await untilState(one, "default/net-two", "False NameTaken");
  await untilState(two, "default/net-one", "False NameTaken");
  assert.match(messageOf(two, "default/net-one"), /made by another installation of fairlead/);
  assert.deepEqual(engineHas(engine), ["net-one 10.1.1.0/24", "net-two 10.2.1.0/24"]);
});
