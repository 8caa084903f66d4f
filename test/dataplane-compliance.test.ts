/**
 * What every data plane must do with connections, whatever it is made of: one suite, run on each of them in a network
 * namespace of its own. Clients and backends are in that namespace too: they are inside the cluster.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { suite, test } from "node:test";
import { ip } from "../src/base/ip.ts";
import type { DataPlane } from "../src/dataplane/dataplane.ts";
import { createNftablesDataPlane } from "../src/dataplane/nftables/programmer.ts";
import {
  type Backend,
  NODE_ADDRESS,
  type ServiceTable,
  type VirtualPort,
  virtualPortKey,
} from "../src/dataplane/table.ts";
import { createUserspaceDataPlane } from "../src/dataplane/userspace/userspace.ts";
import { RouteSocket } from "../src/net/rtnetlink/route-socket.ts";
import { bindInNetns } from "../src/sys/netns-listener.ts";
import { connectInNetns } from "../src/sys/netns-socket.ts";
import { needsNetns, testNetns } from "./lab/netns.ts";

const VIP = "10.96.0.10";
/** A cluster IP that is in no range. */
const WHOLE_VIP = "100.1.1.3";
const NODE = "192.0.2.1";
const NAMES = ["a", "b", "c"] as const;
type Name = (typeof NAMES)[number];

/** How long a client waits before it says that there is no answer. */
const PATIENCE_MS = 300;

function backends(...names: readonly (Name | readonly [Name, number])[]): Backend[] {
  return names.map((each) => {
    const [name, weight] = typeof each === "string" ? [each, undefined] : each;
    const address = `10.1.0.${NAMES.indexOf(name) + 1}`;
    return { address, port: 8080, local: true, ...(weight !== undefined && { weight }) };
  });
}

function virtual(rest: Partial<VirtualPort>): VirtualPort {
  const port: VirtualPort = {
    service: "default/web",
    portName: "",
    address: VIP,
    protocol: "TCP",
    port: 80,
    backends: [],
  };
  return { ...port, ...rest };
}

function table(...ports: readonly VirtualPort[]): ServiceTable {
  const ranges = ["10.96.0.0/16"];
  return { ports: new Map(ports.map((port) => [virtualPortKey(port), port])), ranges };
}

interface Lab extends AsyncDisposable {
  readonly plane: DataPlane;
  /** The name of the backend that answered, "refused" or "no answer". */
  ask(address?: string, port?: number): Promise<string>;
  /** What `n` connections one after the other got. */
  count(n: number): Promise<Record<string, number>>;
}

type Make = (netns: string) => DataPlane | Promise<DataPlane>;

/** `hasVips`: whether virtual addresses are the machine's, as a proxy needs them. */
async function startLab(make: Make, hasVips: boolean): Promise<Lab> {
  await using stack = new AsyncDisposableStack();
  const { name: netns } = stack.use(testNetns("comply"));
  using routes = await RouteSocket.open({ netns });
  routes.setLink("lo", { up: true });
  routes.createLink({ kind: "bridge", name: "eth0", up: true });
  routes.addAddress("eth0", ip(NODE), 24);
  if (hasVips) for (const vip of [VIP, WHOLE_VIP]) routes.addAddress("lo", ip(vip), 32);
  for (const [i, name] of NAMES.entries()) {
    const address = ip(`10.1.0.${i + 1}`);
    routes.addAddress("eth0", address, 32);
    const server = createServer((socket) => socket.on("error", () => {}).end(name));
    server.listen({ fd: bindInNetns(netns, address, 8080) });
    await once(server, "listening");
    stack.defer(() => void server.close());
  }
  const plane = stack.use(await make(netns));
  const ask = async (address = VIP, port = 80): Promise<string> => {
    try {
      const socket = await connectInNetns(netns, ip(address), port, AbortSignal.timeout(PATIENCE_MS));
      const silence = setTimeout(() => socket.destroy(), PATIENCE_MS);
      let said = "";
      await new Promise((resolve, reject) => {
        socket.on("data", (data) => (said += String(data)));
        socket.on("error", reject).on("close", resolve);
      });
      clearTimeout(silence);
      return said === "" ? "no answer" : said;
    } catch (error) {
      const { code, name } = error as NodeJS.ErrnoException;
      if (name === "TimeoutError") return "no answer";
      return code === "ECONNREFUSED" || code === "ECONNRESET" ? "refused" : String(code);
    }
  };
  const count = async (n: number): Promise<Record<string, number>> => {
    const counts: Record<string, number> = {};
    for (let i = 0; i < n; i++) {
      const name = await ask();
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  };
  const owned = stack.move();
  return { plane, ask, count, [Symbol.asyncDispose]: async () => owned[Symbol.asyncDispose]() };
}

/** What ten connections to a port get, each. */
const PORTS: readonly (readonly [what: string, Partial<VirtualPort>, Record<string, number>])[] = [
  ["one backend", { backends: backends("a") }, { a: 10 }],
  ["no backend", {}, { refused: 10 }],
  ["two in turn", { backends: backends("a", "b"), balance: "round-robin" }, { a: 5, b: 5 }],
  ["weights in turn", { backends: backends(["a", 4], ["b", 1]), balance: "round-robin" }, { a: 8, b: 2 }],
  [
    "others for clients outside",
    { backends: backends("a"), external: { backends: backends("b") } },
    { a: 10 },
  ],
  [
    "a range that they are in",
    { backends: backends("a"), sourceRanges: ["10.0.0.0/8", "192.0.2.0/24"] },
    { a: 10 },
  ],
];

for (const [name, hasVips, make] of [
  ["nftables", false, async (netns) => createNftablesDataPlane({ netns })],
  ["userspace", true, (netns) => createUserspaceDataPlane({ netns })],
] as const satisfies readonly (readonly [string, boolean, Make])[])
  suite(`connections through ${name}`, { skip: needsNetns() }, () => {
    for (const [what, port, expected] of PORTS)
      test(`${what}: ${JSON.stringify(expected)}`, async () => {
        await using lab = await startLab(make, hasVips);
        await lab.plane.sync(table(virtual(port)));
        assert.deepEqual(await lab.count(10), expected);
      });

    for (const [what, port] of [
      ["a policy that leaves none here", { whenEmpty: "drop" }],
      ["a range that they are not in", { backends: backends("a"), sourceRanges: ["203.0.113.0/24"] }],
    ] as const)
      test(`${what}: no answer`, async () => {
        await using lab = await startLab(make, hasVips);
        await lab.plane.sync(table(virtual(port)));
        assert.equal(await lab.ask(), "no answer");
      });

    for (const [what, port] of [
      ["session affinity", { affinity: 100 }],
      ["the source's hash", { balance: "source" }],
    ] as const)
      test(`${what} keeps a client at one of three backends`, async () => {
        await using lab = await startLab(make, hasVips);
        await lab.plane.sync(table(virtual({ backends: backends("a", "b", "c"), ...port })));
        assert.deepEqual(Object.values(await lab.count(20)), [20]);
      });

    for (const balance of ["random", "source-port"] as const)
      test(`${balance} comes to every backend`, async () => {
        await using lab = await startLab(make, hasVips);
        await lab.plane.sync(table(virtual({ backends: backends("a", "b", "c"), balance })));
        // None of three is left out of 60, except once in 10^10.
        assert.deepEqual(Object.keys(await lab.count(60)).sort(), ["a", "b", "c"]);
      });

    test("a node port answers at every address of the node", async () => {
      await using lab = await startLab(make, hasVips);
      const nodePort = virtual({
        address: NODE_ADDRESS[4],
        port: 30_080,
        backends: backends("a"),
        type: "NodePort",
      });
      await lab.plane.sync(table(nodePort));
      for (const address of [NODE, "127.0.0.1"]) assert.equal(await lab.ask(address, 30_080), "a", address);
    });

    test("a cluster IP outside the ranges is served and refused like one inside, from change to change", async () => {
      await using lab = await startLab(make, hasVips);
      const [http, other] = [80, 81].map((port) =>
        virtual({ address: WHOLE_VIP, port, backends: backends("a") }),
      );
      const asked = async (): Promise<string[]> => [
        await lab.ask(WHOLE_VIP, 80),
        await lab.ask(WHOLE_VIP, 81),
        await lab.ask(WHOLE_VIP, 82),
      ];
      await lab.plane.sync(table());
      await lab.plane.apply({ set: [http!, other!], remove: [] });
      assert.deepEqual(await asked(), ["a", "a", "refused"]);
      await lab.plane.apply({ set: [{ ...http!, backends: [] }], remove: [virtualPortKey(other!)] });
      assert.deepEqual(await asked(), ["refused", "refused", "refused"]);
      const again = await lab.plane.sync(table({ ...http!, backends: [] }));
      assert.equal(again.written, 0, "nothing is left to write");
    });

    test("a change is in force when it resolves, and affinity does not keep what is gone", async () => {
      await using lab = await startLab(make, hasVips);
      const served = (...names: readonly Name[]): VirtualPort =>
        virtual({ backends: backends(...names), affinity: 100 });
      await lab.plane.sync(table(served("a")));
      assert.equal(await lab.ask(), "a");
      await lab.plane.apply({ set: [served("b")], remove: [] });
      assert.deepEqual(await lab.count(5), { b: 5 });
      await lab.plane.apply({ set: [served("a", "b")], remove: [] });
      assert.deepEqual(await lab.count(5), { b: 5 });
      await lab.plane.apply({ set: [served()], remove: [] });
      assert.equal(await lab.ask(), "refused");
      await lab.plane.apply({ set: [served("c")], remove: [] });
      assert.equal(await lab.ask(), "c");
      await lab.plane.apply({ set: [], remove: [virtualPortKey(served())] });
      assert.equal(await lab.ask(), "refused");
    });
  });
