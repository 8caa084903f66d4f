/** nf_tables and conntrack of a network namespace, over a netlink socket. */
import type { ConnectionFilter, Connection, ConntrackFamily } from "../../net/conntrack/model.ts";
import {
  decodeConnection,
  deleteConnections,
  deleteMatching,
  dumpConnections,
} from "../../net/conntrack/conntrack.ts";
import {
  decodeChain,
  decodeElements,
  decodeGeneration,
  decodeRule,
  decodeSet,
  decodeTable,
} from "../../net/nftables/decode.ts";
import {
  dumpChains,
  dumpElements,
  dumpRules,
  dumpSets,
  dumpTables,
  getElement,
  getGeneration,
} from "../../net/nftables/dump.ts";
import { encodeBatch } from "../../net/nftables/encode.ts";
import type {
  Chain,
  Command,
  Family,
  Rule,
  SetDefinition,
  SetElement,
  Table,
} from "../../net/nftables/model.ts";
import { NetlinkWriter } from "../../net/netlink/writer.ts";
import { NetlinkError } from "../../sys/netlink-error.ts";
import type { NetlinkMessage } from "../../sys/netlink-message.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "../../sys/netlink-socket.ts";
import type { ConntrackPort, NftablesPort } from "./port.ts";
import { TURN } from "./turns.ts";

/** Deletions in one request, so that its answers fit the socket's buffer. */
const MAX_DELETIONS = 1000;

export class NetlinkPort implements NftablesPort, ConntrackPort, Disposable {
  readonly #socket: NetlinkSocket;
  /** For what is read in turns: commits go on meanwhile. */
  readonly #reader: NetlinkSocket;
  readonly #sockets: DisposableStack;
  /** Since Linux 6.8. */
  #deletesMatching = true;
  /** Batches are written into the same memory again and again: a change of one element allocates next to nothing. */
  readonly #writer = new NetlinkWriter(64 * 1024);

  /** `netns` is a name in /run/netns or a path; by default the calling thread's. Throws SystemError. */
  static async open(netns?: string): Promise<NetlinkPort> {
    const options = netns === undefined ? {} : { netns };
    using stack = new DisposableStack();
    const socket = stack.use(await NetlinkSocket.open(NETLINK_NETFILTER, options));
    const reader = stack.use(await NetlinkSocket.open(NETLINK_NETFILTER, options));
    return new NetlinkPort(socket, reader, stack.move());
  }

  private constructor(socket: NetlinkSocket, reader: NetlinkSocket, sockets: DisposableStack) {
    this.#socket = socket;
    this.#reader = reader;
    this.#sockets = sockets;
  }

  [Symbol.dispose](): void {
    this.#sockets.dispose();
  }

  commit(commands: readonly Command[], options: { readonly generation?: number } = {}): void {
    this.#socket.transact(encodeBatch(commands, { ...options, writer: this.#writer }));
  }

  generation(): number {
    return decodeGeneration(this.#askGeneration()).id;
  }

  /** The netlink port of the socket: news of its own commits carry it. */
  netlinkPort(): number {
    return this.#askGeneration().port;
  }

  #askGeneration(): NetlinkMessage {
    const [message] = this.#socket.transact(getGeneration());
    if (message === undefined) throw new Error("the kernel did not tell the ruleset's generation");
    return message;
  }

  tables(family: Family): Table[] {
    return this.#socket.dump(dumpTables(family)).map(decodeTable);
  }

  chains(family: Family): Chain[] {
    return this.#socket.dump(dumpChains(family)).map(decodeChain);
  }

  rules(family: Family, table: string): Rule[] {
    return this.#socket.dump(dumpRules(family, table)).map(decodeRule);
  }

  sets(family: Family, table: string): SetDefinition[] {
    return this.#socket.dump(dumpSets(family, table)).map(decodeSet);
  }

  elements(set: Pick<SetDefinition, "family" | "table" | "name">): SetElement[] {
    return this.#socket.dump(dumpElements(set)).flatMap(decodeElements);
  }

  element(set: Pick<SetDefinition, "family" | "table" | "name">, key: Uint8Array): SetElement | undefined {
    try {
      return this.#socket.transact(getElement(set, key)).flatMap(decodeElements)[0];
    } catch (error) {
      if (error instanceof NetlinkError && error.code === "ENOENT") return undefined;
      throw error;
    }
  }

  async visitElements(
    set: Pick<SetDefinition, "family" | "table" | "name">,
    visit: (elements: readonly SetElement[]) => void,
    turn: number = TURN,
  ): Promise<void> {
    await this.#reader.scan(dumpElements(set), (message) => visit(decodeElements(message)), { turn });
  }

  connections(family: ConntrackFamily, filter: ConnectionFilter): Connection[] {
    return this.#socket.dump(dumpConnections(family, filter)).map(decodeConnection);
  }

  forget(connections: readonly Connection[]): void {
    for (let at = 0; at < connections.length; at += MAX_DELETIONS) {
      try {
        this.#socket.transact(deleteConnections(connections.slice(at, at + MAX_DELETIONS)));
      } catch (error) {
        const areGone =
          error instanceof NetlinkError && error.refusals.every(({ code }) => code === "ENOENT");
        if (!areGone) throw error;
      }
    }
  }

  forgetMatching(filter: ConnectionFilter): boolean {
    if (!this.#deletesMatching) return false;
    try {
      this.#socket.transact(deleteMatching(filter));
      return true;
    } catch (error) {
      const isOld = error instanceof NetlinkError && error.refusals.every(({ code }) => code === "EINVAL");
      if (!isOld) throw error;
      this.#deletesMatching = false;
      return false;
    }
  }
}
