/** One UDP flow, for ever from the same source port: who answers it, and from when on. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { Target } from "./ports.ts";
import { serve } from "./remote.ts";

export interface Arrival {
  readonly backend: string;
  /** When the datagram that it answers came to it, on the shared clock. */
  readonly at: number;
}

let socket: Socket;
let last: Arrival | undefined;
let timer: NodeJS.Timeout | undefined;
const waiting = new Set<{
  readonly from: string | undefined;
  readonly resolve: (arrival: Arrival) => void;
}>();
const errors: string[] = [];

function hear(text: string): void {
  const [, backend, at] = text.split(" ");
  last = { backend: backend!, at: Number(at) };
  for (const one of waiting)
    if (one.from !== backend) {
      waiting.delete(one);
      one.resolve(last);
    }
}

const methods = {
  /** Sends a datagram every `interval` milliseconds, answered or not. */
  async open({ host, port, interval }: Target & { readonly interval: number }): Promise<void> {
    clearInterval(timer);
    socket?.close();
    last = undefined;
    socket = createSocket("udp4");
    socket.on("error", (error: NodeJS.ErrnoException) => errors.push(error.code ?? error.message));
    socket.on("message", (message) => hear(message.toString()));
    socket.connect(port, host);
    await once(socket, "connect");
    timer = setInterval(() => socket.send("x"), interval);
  },
  /** The first answer by another than `from`, or by anybody. */
  async answeredByOtherThan({ from }: { readonly from?: string }): Promise<Arrival> {
    if (last !== undefined && last.backend !== from) return last;
    const { promise, resolve } = Promise.withResolvers<Arrival>();
    waiting.add({ from, resolve });
    return promise;
  },
  errors(): readonly string[] {
    return errors;
  },
};

export type FlowMethods = typeof methods;
serve(methods);
