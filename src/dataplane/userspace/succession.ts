/** This process's place in the row of those that serve the same ports: what it has from the one before, and leaves to the next. */
import type { Log } from "../../base/log.ts";
import * as libc from "../../sys/libc.ts";
import type { VirtualPortKey } from "../table.ts";
import {
  HandoverOffer,
  type HandoverSource,
  type Inheritance,
  type PortMemory,
  takeOver,
} from "./handover.ts";

export class Succession implements Disposable {
  readonly #path: string | undefined;
  readonly #log: Log;
  #inheritance: Inheritance | undefined;
  #memory: ReadonlyMap<VirtualPortKey, readonly PortMemory[]> = new Map();
  #offer: HandoverOffer | undefined;
  #hasBegun = false;

  /** Without a path there is nobody before and nobody after. */
  constructor(path: string | undefined, log: Log) {
    this.#path = path;
    this.#log = log;
  }

  /** Asks the process before, the first time. What it cannot give is bound anew. */
  async begin(): Promise<void> {
    if (this.#path === undefined || this.#hasBegun) return;
    try {
      this.#inheritance = await takeOver(this.#path);
      this.#memory = Map.groupBy(this.#inheritance?.memory ?? [], ({ key }) => key);
    } catch (err) {
      const fields = { err, path: this.#path };
      this.#log.warn(fields, "the listening sockets of the process before cannot be taken over");
    }
  }

  /** The socket that listens at `key` already; the caller's from then on. */
  takeSocket(key: VirtualPortKey): number | undefined {
    const socket = this.#inheritance?.sockets.get(key);
    this.#inheritance?.sockets.delete(key);
    return socket;
  }

  memoryOf(key: VirtualPortKey): readonly PortMemory[] {
    return this.#memory.get(key) ?? [];
  }

  /** Ends the time in which two processes listen, the first time, and waits for one that follows. */
  async complete(source: HandoverSource): Promise<void> {
    if (this.#path === undefined || this.#hasBegun) return;
    this.#hasBegun = true;
    for (const fd of this.#inheritance?.sockets.values() ?? []) libc.close(fd);
    try {
      await this.#inheritance?.taken();
      this.#offer = new HandoverOffer(this.#path, source, this.#log);
    } catch (err) {
      const fields = { err, path: this.#path };
      this.#log.warn(fields, "no process will be able to take the listening sockets over");
    }
    this.#inheritance = undefined;
    this.#memory = new Map();
  }

  [Symbol.dispose](): void {
    this.#offer?.[Symbol.dispose]();
  }
}
