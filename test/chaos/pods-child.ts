/**
 * The pods of a chaos test: each an address with a server of HTTP, one that sends back every byte, and one that answers
 * datagrams. A pod ends as a graceful one does: told to drain it goes on serving, but asks its clients to come by a new
 * connection next time; later it stops to listen, and what is still connected is served to its end.
 */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer, type Server } from "node:net";
import { DGRAM_PORT, HTTP_PORT, STREAM_PORT } from "./ports.ts";
import { serve, sharedClock } from "./remote.ts";

class Pod {
  isDraining = false;
  /** When the last new connection was accepted, on the shared clock; 0: none was. */
  lastAccepted = 0;
  accepted = 0;
  readonly #listeners: Server[] = [];
  #dgrams: UdpSocket | undefined;

  async open(address: string): Promise<void> {
    const http = createHttpServer((request, response) => {
      if (this.isDraining) response.shouldKeepAlive = false;
      request.resume();
      response.end(address);
    });
    // An idle connection that the server ends meets the client's next request: that would be our fault.
    http.keepAliveTimeout = 0;
    await Promise.all([
      this.#listen(
        address,
        HTTP_PORT,
        createServer((socket) => http.emit("connection", socket)),
      ),
      this.#listen(
        address,
        STREAM_PORT,
        createServer({ allowHalfOpen: true }, (socket) => {
          socket.on("error", () => {});
          socket.pipe(socket);
        }),
      ),
    ]);
    const dgrams = createSocket("udp4");
    this.#dgrams = dgrams;
    dgrams.on("message", (datagram, { port, address: client }) =>
      dgrams.send(`${datagram.toString()} ${address} ${sharedClock()}`, port, client),
    );
    dgrams.bind(DGRAM_PORT, address);
    await once(dgrams, "listening");
  }

  async #listen(address: string, port: number, server: Server): Promise<void> {
    server.on("connection", (socket) => {
      socket.setNoDelay(true);
      this.accepted++;
      this.lastAccepted = sharedClock();
    });
    server.listen({ host: address, port, backlog: 4096 });
    await once(server, "listening");
    this.#listeners.push(server);
  }

  close(): void {
    for (const server of this.#listeners) server.close();
    this.#dgrams?.close();
  }
}

const pods = new Map<string, Pod>();

const methods = {
  async open({ addresses }: { readonly addresses: readonly string[] }): Promise<void> {
    for (const address of addresses) {
      const pod = new Pod();
      await pod.open(address);
      pods.set(address, pod);
    }
  },
  drain({ address }: { readonly address: string }): void {
    pods.get(address)!.isDraining = true;
  },
  /** The end of the grace period. Connections that are still open go on. */
  close({ address }: { readonly address: string }): {
    readonly accepted: number;
    readonly lastAccepted: number;
  } {
    const pod = pods.get(address)!;
    pods.delete(address);
    pod.close();
    return { accepted: pod.accepted, lastAccepted: pod.lastAccepted };
  },
};

export type PodsMethods = typeof methods;
serve(methods);
