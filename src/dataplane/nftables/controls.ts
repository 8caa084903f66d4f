/** What can be said to, and asked of, the nftables data plane beyond what every data plane takes. */
import type { Log } from "../../base/log.ts";
import type { DataPlane } from "../dataplane.ts";
import type { LocalBridge } from "./address-paths.ts";
import type { BridgePair } from "./bridges.ts";
import type { ClientCount } from "./client-counting.ts";
import type { MapFill, PacketCounters } from "./readings.ts";

export interface NftablesDataPlaneOptions {
  /** What {@link NftablesDataPlaneControls.setMasqueradeBridges} would be told first. @default {none} */
  readonly masqueradeBridges?: readonly BridgePair[];
  /** How often to make sure that no change was missed, in milliseconds. @default {30_000} */
  readonly verifyInterval?: number;
  /**
   * UDP flows are cut at most once in so many milliseconds, so that many changes in a row do not take the whole processor:
   * those of a change that comes sooner are cut when the time is over, not when `apply` resolves. @default {0}
   */
  readonly cutInterval?: number;
  readonly log?: Log;
}

/** A data plane that can be told more about the host than services. */
export interface NftablesDataPlaneControls extends DataPlane {
  /**
   * Pairs of interfaces between which answers bypass this host: what comes in by the first and goes out by the second
   * is masqueraded, from the next connection on. They replace those from before; only the difference is written, and
   * nothing before the first `sync`. Throws RangeError if a name cannot be an interface's, else as `apply`.
   */
  setMasqueradeBridges(pairs: readonly BridgePair[]): Promise<void>;
  /**
   * The bridges of this host that containers are on, in place of those from before: they reach virtual addresses in their
   * own subnets from then on. What an earlier process has made for bridges stays until this is called. Throws as `apply`.
   */
  setLocalBridges(bridges: readonly LocalBridge[]): Promise<void>;
  /**
   * What had these addresses is gone: with least clients, who comes with one of them is a new client. Throws DataPlaneError
   * if one is no IP address.
   */
  forgetClients(addresses: Iterable<string>): void;
  /** Counts the clients of least clients from the kernel's maps, as is done from time to time, and arranges turns by it. */
  countClients(): Promise<void>;
  /** How many clients each endpoint has, with least clients, as counted so far. */
  readClients(): ClientCount[];
  /** What was refused and dropped. Throws DataPlaneError. */
  readCounters(): PacketCounters;
  /** How full the maps are; nothing before the first `sync`. Throws DataPlaneError. */
  readMapFill(): MapFill[];
}
