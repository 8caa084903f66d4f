/**
 * What a container serves, without a process in it: HTTP and UDP on sockets in its network namespace. Both answer what
 * agnhost netexec does (netexec.ts): the container's name to `hostname`, the client's address to `clientip`.
 */
import { createSocket, type Socket } from "node:dgram";
import type { lookup as dnsLookup } from "node:dns";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { ip } from "../../src/base/ip.ts";
import { callInNetns } from "../../src/sys/netns.ts";
import { bindInNetns, listenOn } from "../../src/sys/netns-listener.ts";

export interface ContainerServerOptions {
  /** The container's network namespace, as a path. */
  readonly netns: string;
  readonly name: string;
  readonly tcp: number;
  readonly udp: number;
}

export class ContainerServer implements AsyncDisposable {
  readonly #http: Server;
  readonly #udp: Socket;

  static async open({ netns, name, tcp, udp }: ContainerServerOptions): Promise<ContainerServer> {
    const http = createServer((request, response) => {
      response.end(request.url === "/clientip" ? request.socket.remoteAddress : name);
    });
    await listenOn(http, bindInNetns(netns, ip("0.0.0.0"), tcp));
    // node:dgram makes its socket when it binds, after a look-up; one that answers at once lets it happen in the namespace.
    const lookup: typeof dnsLookup = ((host: string, _: unknown, done: (...words: unknown[]) => void) =>
      done(null, host, 4)) as never;
    const socket = createSocket({ type: "udp4", lookup });
    const listening = once(socket, "listening");
    callInNetns(netns, () => socket.bind(udp, "0.0.0.0"));
    socket.on("message", (message, from) => {
      socket.send(message.toString() === "clientip" ? from.address : name, from.port, from.address);
    });
    await listening;
    return new ContainerServer(http, socket);
  }

  private constructor(http: Server, udp: Socket) {
    this.#http = http;
    this.#udp = udp;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#udp.close();
    this.#http.close();
    this.#http.closeAllConnections();
    await once(this.#http, "close");
  }
}
