/** Clients and backends on loopback, for the tests and benchmarks of the proxy. */
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, isIPv6, type Server, type Socket } from "node:net";
import { Worker } from "node:worker_threads";
import type { Backend } from "../table.ts";

/** Something that listens at an address and port until it is disposed. */
export type Peer = Backend & AsyncDisposable;

/** A port that nobody listens on at this moment. */
export async function freeTcpPort(address: string): Promise<number> {
  const server = createServer().listen(0, address);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** As {@link freeTcpPort}, for UDP. */
export async function freeUdpPort(address: string): Promise<number> {
  const socket = createSocket(isIPv6(address) ? "udp6" : "udp4").bind(0, address);
  await once(socket, "listening");
  const { port } = socket.address();
  await socket[Symbol.asyncDispose]();
  return port;
}

/** A server that hands each connection to `serve`; both ways end by themselves. */
export async function tcpBackend(serve: (socket: Socket) => void, address = "127.0.0.1"): Promise<Peer> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    serve(socket);
  });
  server.listen(0, address);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    address,
    port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** A server that neither takes nor refuses a connection: its queue is full and its thread sleeps, so the kernel drops what comes. */
export async function silentBackend(): Promise<Peer> {
  const address = "127.0.0.1";
  const thread = new Worker(
    `const { parentPort } = require("node:worker_threads");
     const server = require("node:net").createServer().listen({ port: 0, host: "${address}", backlog: 1 }, () => {
       parentPort.postMessage(server.address().port);
       parentPort.once("message", () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
       parentPort.postMessage("asleep soon");
     });`,
    { eval: true },
  );
  const [port] = (await once(thread, "message")) as [number];
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a browser window
  thread.postMessage("sleep");
  // The queue holds one more than its length; connections beyond are dropped. Those that the thread takes before
  // it sleeps leave room, so fill until one is not answered.
  const fillers: Socket[] = [];
  for (;;) {
    const filler = connect({ host: address, port });
    filler.on("error", () => {});
    fillers.push(filler);
    const answered = await Promise.race([
      once(filler, "connect").then(() => true),
      new Promise<boolean>((resolve) => setTimeout(resolve, 30, false)),
    ]);
    if (!answered) break;
  }
  return {
    address,
    port,
    [Symbol.asyncDispose]: async () => {
      for (const filler of fillers) filler.destroy();
      await thread.terminate();
    },
  };
}

/** A connected socket whose two ways end by themselves. Rejects with the system's error. */
export async function dial(address: string, port: number): Promise<Socket> {
  const socket = connect({ host: address, port, allowHalfOpen: true, noDelay: true });
  await once(socket, "connect");
  return socket;
}

/** A server that answers each datagram with its name and the datagram. */
export async function udpBackend(name: string): Promise<Peer> {
  const socket = createSocket("udp4");
  socket.on("message", (datagram, client) =>
    socket.send(`${name} ${String(datagram)}`, client.port, client.address),
  );
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { address, port } = socket.address();
  return { address, port, [Symbol.asyncDispose]: async () => socket[Symbol.asyncDispose]() };
}

/** A client of UDP with an address of its own. */
export async function udpClient(): Promise<{ readonly socket: UdpSocket } & AsyncDisposable> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  return { socket, [Symbol.asyncDispose]: async () => socket[Symbol.asyncDispose]() };
}

/** The answer to a datagram, which is sent again every 50 ms until there is one: on loopback too, UDP may be lost. */
export async function udpAsk(
  socket: UdpSocket,
  address: string,
  port: number,
  question: string,
): Promise<{ readonly text: string; readonly from: string; readonly port: number }> {
  const answer = once(socket, "message") as Promise<[Buffer, RemoteInfo]>;
  const send = (): void => socket.send(question, port, address);
  send();
  const again = setInterval(send, 50);
  try {
    const [datagram, from] = await answer;
    return { text: String(datagram), from: from.address, port: from.port };
  } finally {
    clearInterval(again);
  }
}
