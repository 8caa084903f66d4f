/** Translated connections with what each has carried: those that there are, and each one's last word when it ends. */
import {
  decodeConnection,
  dumpConnections,
  isConnection,
  isConnectionEnd,
} from "../../net/conntrack/conntrack.ts";
import { NFNLGRP_CONNTRACK_DESTROY } from "../../net/conntrack/constants.ts";
import { type Connection, ConntrackFamily, IPS_DST_NAT } from "../../net/conntrack/model.ts";
import { translatedConnections } from "../../net/conntrack/translated-filter.ts";
import { NetlinkDumpInterruptedError } from "../../sys/netlink-error.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "../../sys/netlink-socket.ts";
import { readSysctl } from "../../sys/sysctl.ts";

/** When the table changes its size under a dump, it is begun again so often. */
const ATTEMPTS = 5;

export interface ConnectionSource extends Disposable {
  /** Tells at once of those that ended so far. */
  hearEnds(): void;
  /** Hands each connection that there is to `visit`; one may come twice. The event loop goes on meanwhile. Throws NetlinkError. */
  visit(visit: (connection: Connection) => void, signal?: AbortSignal): Promise<void>;
  /** Whether new connections get counters of packets and bytes (net.netfilter.nf_conntrack_acct). */
  hasCounters(): boolean;
}

/**
 * `onEnd` is called for each translated connection that ends from now on, unless too many end at once. The kernel tells
 * ends of those connections only that began while somebody listened, if net.netfilter.nf_conntrack_events is 2. `netns`: a
 * name in /run/netns or a path; by default the caller's. Throws SystemError and NetlinkError without CAP_NET_ADMIN.
 */
export async function openConnectionSource(
  onEnd: (connection: Connection) => void,
  netns?: string,
): Promise<ConnectionSource> {
  const options = netns === undefined ? {} : { netns };
  using stack = new DisposableStack();
  const reader = stack.use(await NetlinkSocket.open(NETLINK_NETFILTER, options));
  const groups = [NFNLGRP_CONNTRACK_DESTROY];
  // Others' connections end by the thousands where a host has many.
  const filter = translatedConnections;
  const ends = stack.use(await NetlinkSocket.open(NETLINK_NETFILTER, { ...options, groups, filter }));
  const subscription = ends.subscribe(
    (event) => {
      // What was lost is found missing by who remembers what there was.
      if (event.type === "lost") return;
      for (const message of event.messages) {
        if (!isConnectionEnd(message)) continue;
        const connection = decodeConnection(message);
        if ((connection.status & IPS_DST_NAT) !== 0) onEnd(connection);
      }
    },
    { ref: false },
  );

  async function visitOnce(visit: (one: Connection) => void, signal?: AbortSignal): Promise<void> {
    for (const family of [ConntrackFamily.ipv4, ConntrackFamily.ipv6])
      await reader.scan(
        dumpConnections(family, { status: IPS_DST_NAT }),
        (message) => {
          if (!isConnection(message)) return;
          const connection = decodeConnection({ ...message, payload: message.payload.slice() });
          if ((connection.status & IPS_DST_NAT) !== 0) visit(connection);
        },
        signal === undefined ? {} : { signal },
      );
  }

  const owned = stack.move();
  return {
    hearEnds: () => subscription.hear(),
    async visit(visit, signal) {
      for (let attempt = 1; ; attempt++)
        try {
          return await visitOnce(visit, signal);
        } catch (error) {
          if (!(error instanceof NetlinkDumpInterruptedError) || attempt >= ATTEMPTS) throw error;
        }
    },
    hasCounters: () => readSysctl("net/netfilter/nf_conntrack_acct", netns) === "1",
    [Symbol.dispose]: () => owned.dispose(),
  };
}
