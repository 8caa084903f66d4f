/** Looks at the kernel's table of connections, for accounting. */
import { dumpConnections, isConnection } from "../../net/conntrack/conntrack.ts";
import { FlowReader } from "../../net/conntrack/flow-reader.ts";
import { ConntrackFamily, IPS_DST_NAT } from "../../net/conntrack/model.ts";
import { hasCapability } from "../../sys/capability.ts";
import { NetlinkDumpInterruptedError } from "../../sys/netlink-error.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "../../sys/netlink-socket.ts";
import { readSysctl } from "../../sys/sysctl.ts";
import { DataPlaneError } from "../dataplane.ts";
import type { ConnectionAccounting, Look } from "./accounting.ts";

/** When the table changes its size under a dump, it is begun again so often. */
const ATTEMPTS = 5;

export interface ConntrackFill {
  /** Connections of the namespace, and how many the kernel allows (net.netfilter.nf_conntrack_max). */
  readonly entries: number;
  readonly limit: number;
}

export interface ConntrackTable extends Disposable {
  /**
   * Counts what is there. The kernel is asked for translated connections only, and the event loop goes on every
   * 5 ms. One look at a time. Throws NetlinkError, and the signal's reason.
   */
  look(accounting: ConnectionAccounting, signal?: AbortSignal): Promise<Look>;
  fill(): ConntrackFill;
  /** Whether new connections get counters of packets and bytes (net.netfilter.nf_conntrack_acct). */
  hasCounters(): boolean;
}

/** `netns`: a name in /run/netns or a path; by default the caller's. Throws DataPlaneError without CAP_NET_ADMIN. */
export async function openConntrackTable(netns?: string): Promise<ConntrackTable> {
  if (!hasCapability("NET_ADMIN"))
    throw new DataPlaneError("the kernel shows its connections to CAP_NET_ADMIN only", {
      remedy: "run this as root on the node",
    });
  const options = netns === undefined ? {} : { netns };
  const socket = await NetlinkSocket.open(NETLINK_NETFILTER, options);
  const reader = new FlowReader();

  async function lookOnce(accounting: ConnectionAccounting, signal: AbortSignal | undefined): Promise<void> {
    for (const family of [ConntrackFamily.ipv4, ConntrackFamily.ipv6])
      await socket.scan(
        dumpConnections(family, { status: IPS_DST_NAT }),
        (message) => {
          if (!isConnection(message) || !reader.read(message.payload)) return;
          // Kernels before 5.15 do not filter by status.
          if ((reader.status & IPS_DST_NAT) !== 0) accounting.add(reader);
        },
        signal === undefined ? {} : { signal },
      );
  }

  return {
    async look(accounting, signal) {
      accounting.begin();
      for (let attempt = 1; ; attempt++)
        try {
          await lookOnce(accounting, signal);
          return accounting.end();
        } catch (error) {
          // What was counted already is not counted twice.
          if (!(error instanceof NetlinkDumpInterruptedError) || attempt >= ATTEMPTS) throw error;
        }
    },
    fill: () => ({
      entries: Number(readSysctl("net/netfilter/nf_conntrack_count", netns)),
      limit: Number(readSysctl("net/netfilter/nf_conntrack_max", netns)),
    }),
    hasCounters: () => readSysctl("net/netfilter/nf_conntrack_acct", netns) === "1",
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  };
}
