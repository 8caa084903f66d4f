/**
 * The userspace proxy against HAProxy in TCP mode, in one run: requests on kept connections, new connections, bytes; and
 * UDP questions, which HAProxy does not have, against a direct socket. Needs haproxy, wrk and taskset.
 *
 * Both proxies have one core, the same one, and work in turn; client and backend share the other. Where those two are
 * what limits, the rates say little: so the processor time that the proxy took for the work is told beside them.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  dial,
  freeTcpPort,
  freeUdpPort,
  udpBackend,
  udpClient,
} from "../src/dataplane/userspace/loopback-peers.ts";
import { createUserspaceDataPlane } from "../src/dataplane/userspace/userspace.ts";
import { type VirtualPort, virtualPortKey } from "../src/dataplane/table.ts";

const ROUNDS = Number(process.env["ROUNDS"] ?? 5);
const SECONDS = Number(process.env["SECONDS_EACH"] ?? 2);
const VIP = "127.96.0.20";
const CLIENTS = 32;
const LARGE_BYTES = 1024 * 1024;
/** Of both proxies, and of everything else. */
const [PROXY_CORE, OTHER_CORE] = ["0", "1"];

/** The proxy's process: serves `VIP:port` from 127.0.0.1:backend until it is killed. */
async function proxy(port: number, backend: number, udp: number, udpBackendPort: number): Promise<void> {
  const plane = createUserspaceDataPlane();
  const virtual = (protocol: "TCP" | "UDP", at: number, to: number): VirtualPort => ({
    service: "default/bench",
    portName: protocol,
    address: VIP,
    protocol,
    port: at,
    backends: [{ address: "127.0.0.1", port: to }],
  });
  const all = [virtual("TCP", port, backend), virtual("UDP", udp, udpBackendPort)];
  await plane.sync({ ports: new Map(all.map((one) => [virtualPortKey(one), one])), ranges: [] });
  if (plane.problems().length > 0) throw new Error(plane.problems()[0]!.message);
}

/** Answers "/" with a few bytes and "/large" with many: cheaper than any server in JavaScript. */
const backendConfiguration = (port: number, file: string): string => `
global
  nbthread 1
  tune.bufsize ${2 * LARGE_BYTES}
defaults
  mode http
  timeout client 1m
  timeout server 1m
  timeout connect 5s
frontend f
  bind 127.0.0.1:${port} backlog 4096
  maxconn 1000
  http-request return status 200 content-type text/plain file ${file} if { path /large }
  http-request return status 200 content-type text/plain string ok
`;

const proxyConfiguration = (port: number, backend: number): string => `
global
  nbthread 1
defaults
  mode tcp
  timeout client 1m
  timeout server 1m
  timeout connect 5s
listen l
  bind ${VIP}:${port} backlog 4096
  maxconn 1000
  server s 127.0.0.1:${backend}
`;

/** User and system time of a process so far, in seconds (proc(5), fields 14 and 15, in hundredths). */
function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

interface Measured {
  /** Requests or megabytes a second. */
  readonly rate: number;
  /** Microseconds of the proxy's processor for each. */
  readonly cost: number;
}

function load(port: number, pid: number, path: string, close: boolean): Measured {
  const header = close ? ["-H", "Connection: close"] : [];
  const clients = String(path === "/large" ? 4 : CLIENTS);
  const args = ["wrk", "-t1", `-c${clients}`, `-d${SECONDS}s`, ...header, `http://${VIP}:${port}${path}`];
  const before = processorSeconds(pid);
  const { stdout, status } = spawnSync("taskset", ["-c", OTHER_CORE, ...args], { encoding: "utf8" });
  const cpu = processorSeconds(pid) - before;
  const done = /(\d+) requests in ([\d.]+)s/.exec(stdout);
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout);
  if (status !== 0 || done === null || Number(errors?.[1] ?? 0) + Number(errors?.[4] ?? 0) > 0)
    throw new Error(`wrk ${args.join(" ")}:\n${stdout}`);
  const count = Number(done[1]) * (path === "/large" ? LARGE_BYTES / 1e6 : 1);
  return { rate: count / Number(done[2]), cost: (cpu / count) * 1e6 };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

function range(values: readonly number[]): string {
  return `${median(values).toFixed(2)} (${Math.min(...values).toFixed(2)}-${Math.max(...values).toFixed(2)})`;
}

function compare(
  what: string,
  path: string,
  close: boolean,
  ours: readonly [number, number],
  theirs: readonly [number, number],
): void {
  load(...ours, path, close);
  load(...theirs, path, close);
  const [mine, other]: [Measured[], Measured[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    if (round % 2 === 0) mine.push(load(...ours, path, close));
    other.push(load(...theirs, path, close));
    if (round % 2 === 1) mine.push(load(...ours, path, close));
  }
  const rates = mine.map(({ rate }, i) => rate / other[i]!.rate);
  const costs = mine.map(({ cost }, i) => other[i]!.cost / cost);
  const rate = (list: readonly Measured[]): string => median(list.map((one) => one.rate)).toFixed(0);
  const cost = (list: readonly Measured[]): string => median(list.map((one) => one.cost)).toFixed(1);
  console.log(
    `${what}: ratio ${range(rates)}, ${rate(mine)} against HAProxy's ${rate(other)}; ` +
      `of work per processor time ${range(costs)}, ${cost(mine)} µs against ${cost(other)} µs`,
  );
}

/** Questions a second of CLIENTS at a time. */
async function questions(address: string, port: number): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const sockets = await Promise.all(
    Array.from({ length: CLIENTS }, async () => stack.use(await udpClient()).socket),
  );
  const question = Buffer.alloc(100);
  let count = 0;
  const end = performance.now() + SECONDS * 1000;
  const work = async (socket: (typeof sockets)[number]): Promise<void> => {
    for (; performance.now() < end; count++) {
      const answer = once(socket, "message");
      socket.send(question, port, address);
      await answer;
    }
  };
  await Promise.all(sockets.map(work));
  return count / SECONDS;
}

async function listening(port: number, address: string): Promise<void> {
  for (;;) {
    const socket = await dial(address, port).catch(() => undefined);
    if (socket !== undefined) return void socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function main(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const directory = mkdtempSync(join(tmpdir(), "fairlead-bench-userspace-"));
  stack.defer(() => rmSync(directory, { recursive: true }));
  const write = (name: string, content: string | Uint8Array): string => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  const start = (core: string, command: string, ...args: string[]): ChildProcess =>
    stack.adopt(
      spawn("taskset", ["-c", core, command, ...args], { stdio: ["ignore", "ignore", "inherit"] }),
      (child) => void child.kill("SIGKILL"),
    );
  const [backend, ours, theirs] = [
    await freeTcpPort("127.0.0.1"),
    await freeTcpPort(VIP),
    await freeTcpPort(VIP),
  ];
  const udp = await freeUdpPort(VIP);
  const answering = stack.use(await udpBackend("echo"));
  const large = write("large", Buffer.alloc(LARGE_BYTES, "x"));
  start(OTHER_CORE, "haproxy", "-f", write("backend.cfg", backendConfiguration(backend, large)));
  const haproxy = start(PROXY_CORE, "haproxy", "-f", write("proxy.cfg", proxyConfiguration(theirs, backend)));
  const fairlead = start(
    PROXY_CORE,
    process.execPath,
    ...(process.env["PROFILE"] === undefined
      ? []
      : ["--cpu-prof", `--cpu-prof-dir=${process.env["PROFILE"]}`]),
    import.meta.filename,
    ...[ours, backend, udp, answering.port].map(String),
  );
  await Promise.all([listening(backend, "127.0.0.1"), listening(ours, VIP), listening(theirs, VIP)]);
  const [mine, other] = [[ours, fairlead.pid!] as const, [theirs, haproxy.pid!] as const];
  compare("requests/s on kept connections", "/", false, mine, other);
  compare("new connections/s", "/", true, mine, other);
  compare("MB/s on 4 connections", "/large", false, mine, other);
  const ratios: number[] = [];
  for (let round = 0; round < 3; round++) {
    const direct = await questions("127.0.0.1", answering.port);
    ratios.push((await questions(VIP, udp)) / direct);
  }
  console.log(`UDP questions/s against a direct socket, all on node: ratio ${range(ratios)}`);
  fairlead.kill("SIGTERM");
}

const numbers = process.argv.slice(2).map(Number);
if (numbers.length > 0) {
  const [port, backend, udp, udpBackendPort] = numbers;
  process.once("SIGTERM", () => process.exit());
  await proxy(port!, backend!, udp!, udpBackendPort!);
} else await main();
