/**
 * Hears when somebody else changes our table.
 *
 * The kernel tells every commit in the namespace, object by object, with the netlink port of the socket that asked for
 * it. Changes of other tables (Docker makes many) and our own are passed over without reading the ruleset.
 */
import { NFNLGRP_NFTABLES, NFT_MSG } from "../../net/nftables/constants.ts";
import { decodeGeneration, isNft, tableOf } from "../../net/nftables/decode.ts";
import type { NetlinkMessage } from "../../sys/netlink-message.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "../../sys/netlink-socket.ts";
import type { ChangeWatch } from "./port.ts";
import { table } from "./ruleset.ts";

export interface ForeignChangesOptions {
  readonly netns?: string;
  /** The netlink port of the socket that we commit with. */
  readonly ownPort: number;
  /** Our table was changed by somebody else, or changes were missed. */
  readonly onChange: (what: string) => void;
}

export class ForeignChanges implements ChangeWatch {
  /** The newest generation that was told; undefined before the first. */
  generation: number | undefined;
  readonly #socket: NetlinkSocket;
  readonly #options: ForeignChangesOptions;

  static async open(options: ForeignChangesOptions): Promise<ForeignChanges> {
    const netns = options.netns === undefined ? {} : { netns: options.netns };
    const socket = await NetlinkSocket.open(NETLINK_NETFILTER, { ...netns, groups: [NFNLGRP_NFTABLES] });
    return new ForeignChanges(socket, options);
  }

  private constructor(socket: NetlinkSocket, options: ForeignChangesOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.subscribe(
      (event) => {
        if (event.type === "lost") options.onChange("changes were missed: too many at once");
        else this.#hear(event.messages);
      },
      { ref: false },
    );
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  #hear(messages: readonly NetlinkMessage[]): void {
    const own = this.#options.ownPort;
    let isChanged = false;
    for (const message of messages) {
      if (isNft(message, NFT_MSG.NEWGEN)) this.generation = decodeGeneration(message).id;
      else if (message.port !== own && !isChanged) {
        const changed = tableOf(message);
        isChanged = changed?.name === table.name && changed.family === table.family;
      }
    }
    if (isChanged) this.#options.onChange("somebody else changed table inet fairlead");
  }
}
