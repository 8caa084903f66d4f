/**
 * What a connection through a virtual IP costs against a direct, routed one: requests a second on kept connections, and
 * new connections a second, with 10 and with 10,000 Services programmed. Needs root and wrk.
 *
 * Client, node and backend are network namespaces joined by veth. Each path has a client address of its own: a
 * five-tuple in TIME_WAIT at the backend from the other path would refuse connections and spoil the comparison. Rounds
 * alternate between the paths, so that a slow second of the machine hits both.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { cidr, ip } from "../src/base/ip.ts";
import { createNftablesDataPlane } from "../src/dataplane/nftables/programmer.ts";
import { type ServiceTable, type VirtualPort, virtualPortKey } from "../src/dataplane/table.ts";
import { RouteSocket } from "../src/net/rtnetlink/route-socket.ts";
import { callInNetns, createNetns, deleteNetns, listNetns } from "../src/sys/netns.ts";
import { writeSysctl } from "../src/sys/sysctl.ts";

const ROUNDS = Number(process.env["ROUNDS"] ?? 7);
const SECONDS = Number(process.env["SECONDS_EACH"] ?? 2);
const VIP = "10.96.0.10";
const BACKEND = "198.51.100.2";
const PORT = 8080;

await using stack = new AsyncDisposableStack();
const names = { client: "fl-bench-client", node: "fl-bench-node", backend: "fl-bench-backend" };
for (const name of Object.values(names)) {
  if (listNetns().includes(name)) deleteNetns(name);
  createNetns(name);
  stack.defer(() => deleteNetns(name));
}
using node = await RouteSocket.open({ netns: names.node });
using client = await RouteSocket.open({ netns: names.client });
using backend = await RouteSocket.open({ netns: names.backend });
node.createVeth({ name: "c" }, { name: "eth0" }, names.client);
node.createVeth({ name: "b" }, { name: "eth0" }, names.backend);
node.addAddress("c", ip("192.0.2.1"), 24);
node.addAddress("b", ip("198.51.100.1"), 24);
client.addAddress("eth0", ip("192.0.2.2"), 24);
client.addAddress("eth0", ip("192.0.2.3"), 24);
backend.addAddress("eth0", ip(BACKEND), 24);
for (const [socket, links] of [
  [node, ["lo", "c", "b"]],
  [client, ["lo", "eth0"]],
  [backend, ["lo", "eth0"]],
] as const)
  for (const link of links) socket.setLink(link, { up: true });
writeSysctl("net/ipv4/ip_forward", 1, names.node);
const gateway = ip("192.0.2.1");
client.addRoute({ destination: cidr("198.51.100.0/24"), gateway, source: ip("192.0.2.2") });
client.addRoute({ destination: cidr("10.96.0.0/16"), gateway, source: ip("192.0.2.3") });
backend.addRoute({ destination: cidr("0.0.0.0/0"), gateway: ip("198.51.100.1") });
for (const name of [names.client, names.backend]) {
  writeSysctl("net/ipv4/ip_local_port_range", "1024 65535", name);
  writeSysctl("net/ipv4/tcp_max_tw_buckets", 1_000_000, name);
}

const server = callInNetns(names.backend, () =>
  spawn(process.execPath, [join(import.meta.dirname, "lab-traffic-backend.ts"), BACKEND, String(PORT)], {
    stdio: ["ignore", "pipe", "inherit"],
  }),
);
stack.defer(() => void server.kill("SIGKILL"));
await once(server.stdout, "data");

const dataPlane = await createNftablesDataPlane({ netns: names.node });
stack.defer(() => dataPlane[Symbol.asyncDispose]());

/** `count` Services, the measured one last. */
function tableOf(count: number): ServiceTable {
  const ports: VirtualPort[] = Array.from({ length: count - 1 }, (_, i) => ({
    service: `default/other-${i}`,
    portName: "",
    address: `10.96.${1 + (i >> 8)}.${i & 255}`,
    protocol: "TCP",
    port: PORT,
    backends: Array.from({ length: 4 }, (_, j) => ({ address: `10.244.${i & 255}.${j + 1}`, port: PORT })),
  }));
  const measured: VirtualPort = {
    service: "default/measured",
    portName: "",
    address: VIP,
    protocol: "TCP",
    port: PORT,
    backends: [{ address: BACKEND, port: PORT }],
  };
  const table = [...ports, measured].map((port) => [virtualPortKey(port), port] as const);
  return { ports: new Map(table), ranges: ["10.96.0.0/16"] };
}

/** Requests a second that wrk reports. Throws if any failed. */
function wrk(target: string, close: boolean): number {
  const url = `http://${target}:${PORT}/`;
  const args = ["-t1", "-c32", `-d${SECONDS}s`, ...(close ? ["-H", "Connection: close"] : []), url];
  const { stdout, status } = callInNetns(names.client, () => spawnSync("wrk", args, { encoding: "utf8" }));
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1];
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout);
  const refused = Number(errors?.[1] ?? 0) + Number(errors?.[4] ?? 0);
  if (status !== 0 || rate === undefined || refused > 0) throw new Error(`wrk ${args.join(" ")}:\n${stdout}`);
  return Number(rate);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

for (const services of [10, 10_000]) {
  await dataPlane.sync(tableOf(services));
  for (const [what, close] of [
    ["requests on kept connections", false],
    ["new connections", true],
  ] as const) {
    wrk(BACKEND, close); // warm both paths
    wrk(VIP, close);
    const ratios: number[] = [];
    const rates = { direct: [] as number[], virtual: [] as number[] };
    for (let round = 0; round < ROUNDS; round++) {
      const virtualFirst = round % 2 === 1;
      const first = wrk(virtualFirst ? VIP : BACKEND, close);
      const second = wrk(virtualFirst ? BACKEND : VIP, close);
      const [virtual, direct] = virtualFirst ? [first, second] : [second, first];
      ratios.push(virtual / direct);
      rates.direct.push(direct);
      rates.virtual.push(virtual);
    }
    const range = `${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)}`;
    console.log(
      `${services} services, ${what}: virtual IP / direct = ${median(ratios).toFixed(3)} (${range}); ` +
        `${median(rates.virtual).toFixed(0)}/s against ${median(rates.direct).toFixed(0)}/s`,
    );
  }
}
await dataPlane.cleanup();
