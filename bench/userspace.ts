/**
 * The userspace proxy against a direct connection to the backend, in one run: small requests on open connections,
 * new connections, bytes, and UDP questions. Client, proxy and backend are a thread each, on loopback.
 */
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import {
  dial,
  freeTcpPort,
  freeUdpPort,
  udpBackend,
  udpClient,
} from "../src/dataplane/userspace/loopback-peers.ts";
import { createUserspaceDataPlane } from "../src/dataplane/userspace/userspace.ts";
import { type VirtualPort, virtualPortKey } from "../src/dataplane/table.ts";

const SECONDS = 2;
const VIP = "127.96.0.20";
const CLIENTS = 16;

/** Where the pieces listen. */
interface Ports {
  readonly tcp: number;
  /** Sends bytes without end. */
  readonly source: number;
  readonly udp: number;
}

async function backendThread(): Promise<void> {
  const echo = createServer({ noDelay: true }, (socket) => socket.on("error", () => {}).pipe(socket)).listen(
    0,
    "127.0.0.1",
  );
  const chunk = Buffer.alloc(256 * 1024);
  const source = createServer((socket) => {
    const fill = (): void => {
      while (socket.write(chunk));
    };
    socket.on("error", () => {}).on("drain", fill);
    fill();
  }).listen(0, "127.0.0.1");
  await Promise.all([once(echo, "listening"), once(source, "listening")]);
  const port = (server: typeof echo): number => (server.address() as AddressInfo).port;
  const { port: udp } = await udpBackend("echo");
  report({ tcp: port(echo), source: port(source), udp });
}

async function proxyThread(backend: Ports): Promise<void> {
  const plane = createUserspaceDataPlane();
  const ports = { tcp: await freeTcpPort(VIP), source: await freeTcpPort(VIP), udp: await freeUdpPort(VIP) };
  const virtual = (name: keyof Ports): VirtualPort => ({
    service: "default/bench",
    portName: name,
    address: VIP,
    protocol: name === "udp" ? "UDP" : "TCP",
    port: ports[name],
    backends: [{ address: "127.0.0.1", port: backend[name] }],
  });
  const all = [virtual("tcp"), virtual("source"), virtual("udp")];
  await plane.sync({ ports: new Map(all.map((port) => [virtualPortKey(port), port])), ranges: [] });
  if (plane.problems().length > 0) throw new Error(plane.problems()[0]!.message);
  report(ports);
}

function report(ports: Ports): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a browser window
  parentPort!.postMessage(ports);
}

/** How often a second `step` can be done by CLIENTS at a time. */
async function rate(step: (client: number) => Promise<void>): Promise<number> {
  let count = 0;
  const end = performance.now() + SECONDS * 1000;
  const work = async (client: number): Promise<void> => {
    for (; performance.now() < end; count++) await step(client);
  };
  await Promise.all(Array.from({ length: CLIENTS }, async (_, client) => work(client)));
  return count / SECONDS;
}

async function requests(address: string, port: number): Promise<number> {
  const sockets = await Promise.all(Array.from({ length: CLIENTS }, async () => dial(address, port)));
  const request = Buffer.alloc(100);
  const result = await rate(async (client) => {
    const socket = sockets[client]!;
    socket.write(request);
    await once(socket, "data");
  });
  for (const socket of sockets) socket.destroy();
  return result;
}

async function connections(address: string, port: number): Promise<number> {
  return rate(async () => {
    const socket = await dial(address, port);
    socket.end("x");
    await once(socket, "data");
    await once(socket, "close");
  });
}

async function megabytes(address: string, port: number): Promise<number> {
  const socket = await dial(address, port);
  let bytes = 0;
  socket.on("data", (chunk) => (bytes += chunk.length)).on("error", () => {});
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
  socket.destroy();
  return bytes / 1e6 / SECONDS;
}

async function questions(address: string, port: number): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, async () => stack.use(await udpClient())),
  );
  const question = Buffer.alloc(100);
  const result = await rate(async (client) => {
    const { socket } = clients[client]!;
    const answer = once(socket, "message");
    socket.send(question, port, address);
    await answer;
  });
  return result;
}

async function startThread(role: string, backend?: Ports): Promise<{ thread: Worker; ports: Ports }> {
  const thread = new Worker(new URL(import.meta.url), { workerData: { role, backend }, execArgv: [] });
  const [ports] = (await once(thread, "message")) as [Ports];
  return { thread, ports };
}

async function main(): Promise<void> {
  const backend = await startThread("backend");
  const proxy = await startThread("proxy", backend.ports);
  const measures = [
    ["requests/s, open connections", requests, "tcp"],
    ["connections/s", connections, "tcp"],
    ["MB/s, one connection", megabytes, "source"],
    ["UDP questions/s", questions, "udp"],
  ] as const;
  for (const [what, measure, name] of measures) {
    const direct = await measure("127.0.0.1", backend.ports[name]);
    const proxied = await measure(VIP, proxy.ports[name]);
    console.log(
      `${what.padEnd(30)} direct ${direct.toFixed(0).padStart(7)}, proxied ${proxied.toFixed(0).padStart(7)} (x${(proxied / direct).toFixed(2)})`,
    );
  }
  await Promise.all([proxy.thread.terminate(), backend.thread.terminate()]);
}

if (isMainThread) await main();
else {
  const { role, backend } = workerData as { readonly role: string; readonly backend: Ports };
  await (role === "backend" ? backendThread() : proxyThread(backend));
}
