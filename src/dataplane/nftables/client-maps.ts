/** The maps in which the kernel keeps which client has which endpoint (clientsN), read and written one client at a time or whole. */
import type { SetElement } from "../../net/nftables/model.ts";
import { NetlinkDumpInterruptedError, NetlinkError } from "../../sys/netlink-error.ts";
import type { ClientGroup, RememberedClient } from "./client-ledger.ts";
import { latin1, latin1Bytes } from "./keys.ts";
import type { NftablesPort } from "./port.ts";
import type { IpVersion } from "./sets.ts";
import { OURS, setReference } from "./sets.ts";

/** A dump that others' commits interrupt is begun again so often. */
const ATTEMPTS = 5;

/** One client of a group. */
export type WhichClient = ClientGroup & Pick<RememberedClient, "client">;

/** What the kernel has of a client. */
export interface KeptClient {
  /** Its endpoint's, as in membersN. */
  readonly name: number;
  /** Milliseconds until it is forgotten if it makes no connection. */
  readonly expiration: number;
}

export class ClientMaps {
  readonly #kernel: NftablesPort;

  constructor(kernel: NftablesPort) {
    this.#kernel = kernel;
  }

  /** Undefined: it is gone. Throws NetlinkError. */
  get(which: WhichClient): KeptClient | undefined {
    const element = this.#kernel.element(mapOf(which.version), elementKey(which));
    return element === undefined ? undefined : keptIn(element);
  }

  /** All of them or none: false if one was not there, or if the whole table is gone. Throws NetlinkError. */
  delete(version: IpVersion, clients: readonly WhichClient[]): boolean {
    const set = setReference(`clients${version}`, "map");
    const elements = clients.map((one) => ({ key: elementKey(one) }));
    try {
      this.#kernel.commit([{ op: "delete elements", set, elements }]);
    } catch (error) {
      if (!(error instanceof NetlinkError && error.code === "ENOENT")) throw error;
      return false;
    }
    return true;
  }

  /**
   * Hands each client that there is to `visit`, over many turns of the event loop; one may come twice. What `visit` throws ends
   * it. Throws NetlinkError, and NetlinkDumpInterruptedError where others change the table all the time.
   */
  async visit(version: IpVersion, visit: (which: WhichClient, kept: KeptClient) => void): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#kernel.visitElements(mapOf(version), (elements) => {
          for (const element of elements) visit(clientIn(version, element), keptIn(element));
        });
        return;
      } catch (error) {
        if (error instanceof NetlinkError && error.code === "ENOENT") return;
        // What was read is right but perhaps not all: it is kept, and the rest comes with the next reading.
        if (!(error instanceof NetlinkDumpInterruptedError) || attempt === ATTEMPTS) throw error;
      }
    }
  }
}

function mapOf(version: IpVersion) {
  return { ...OURS, name: `clients${version}` };
}

/** Address and group, as clientsN has them. */
function elementKey({ client, number }: WhichClient): Uint8Array {
  return latin1Bytes(client + number);
}

function clientIn(version: IpVersion, { key }: SetElement): WhichClient {
  const length = version === 4 ? 4 : 16;
  const text = latin1(key);
  return { version, client: text.slice(0, length), number: text.slice(length) };
}

function keptIn({ data, expiration = 0 }: SetElement): KeptClient {
  const name = new DataView(data!.buffer, data!.byteOffset, 4).getUint32(0, true);
  return { name, expiration };
}
