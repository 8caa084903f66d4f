/** Opens the kernel's nftables for the data plane, and makes sure beforehand that this kernel will do. */
import type { Log } from "../../base/log.ts";
import { silentLog } from "../../base/log.ts";
import type { Command } from "../../net/nftables/model.ts";
import type { Ip } from "../../base/ip.ts";
import { readAddress } from "../../net/rtnetlink/address.ts";
import { readLink, RTM_DELLINK, RTM_NEWLINK } from "../../net/rtnetlink/link.ts";
import { RouteSocket } from "../../net/rtnetlink/route-socket.ts";
import { NetlinkError } from "../../sys/netlink-error.ts";
import { NETLINK_ROUTE, NetlinkSocket } from "../../sys/netlink-socket.ts";
import { AddressPaths } from "./address-paths.ts";
import { ForeignChanges } from "./foreign-changes.ts";
import { NetlinkPort } from "./netlink-port.ts";
import { NftablesDataPlane } from "./nftables-data-plane.ts";
import type { NftablesDataPlaneControls, NftablesDataPlaneOptions } from "./controls.ts";
import { watchNewClients } from "./new-clients.ts";
import type { NewClientListener, NftablesPort } from "./port.ts";
import type { Picker } from "./pickers.ts";
import { explain } from "./refusal.ts";
import { loopbackProblem } from "./route.ts";
import { loopbackSetting } from "./loopback-routing.ts";
import { FIRST_PICKER, pickerCommands } from "./pickers.ts";
import { skeleton } from "./ruleset.ts";
import { table as ourTable } from "./sets.ts";
import { TranslationAnchor } from "./translation-anchor.ts";

export interface NftablesOptions extends NftablesDataPlaneOptions {
  /** The network namespace to program: a name in /run/netns or a path. @default {the calling thread's} */
  readonly netns?: string;
  /** Whether to add a route to service ranges that the host itself cannot reach. @default {true} */
  readonly routes?: boolean;
  /**
   * Whether established connections stay translated while others flush the ruleset, by a table that is there as long as this
   * data plane is (translation-anchor.ts). @default {false}
   */
  readonly anchor?: boolean;
}

/**
 * Opens the sockets and makes sure that this kernel can do what is needed. Nothing but the anchor is made before `sync`.
 * Throws DataPlaneError with a remedy: no rights, no nf_tables, a kernel that is too old.
 */
export async function createNftablesDataPlane(
  options: NftablesOptions = {},
): Promise<NftablesDataPlaneControls> {
  const netns = options.netns === undefined ? {} : { netns: options.netns };
  await using stack = new AsyncDisposableStack();
  try {
    const kernel = stack.use(await NetlinkPort.open(options.netns));
    const routes = stack.use(await RouteSocket.open(netns));
    probe(kernel);
    const problem = options.routes === false ? undefined : loopbackProblem(routes);
    if (problem !== undefined) options.log?.warn({ netns: options.netns }, problem);
    const ownPort = kernel.netlinkPort();
    const paths =
      options.routes === false
        ? undefined
        : new AddressPaths(routes, options.netns, options.log ?? silentLog);
    const parts = {
      kernel,
      ...(paths === undefined ? {} : { paths }),
      isLocal: (address: Ip) => isLocal(routes, address),
      loopback: loopbackSetting(options.netns),
      watchNewClients: (listener: NewClientListener) => watchNewClients(listener, options.netns),
      watch: (onChange: (what: string) => void) => ForeignChanges.open({ ...netns, ownPort, onChange }),
    };
    const anchor =
      options.anchor === true ? { anchor: stack.use(await TranslationAnchor.open(options.netns)) } : {};
    const interfaces =
      options.routes === false
        ? undefined
        : stack.use(await NetlinkSocket.open(NETLINK_ROUTE, { ...netns, groups: INTERFACE_GROUPS }));
    const plane = new NftablesDataPlane({ ...parts, ...anchor }, options, stack.move());
    if (interfaces !== undefined && paths !== undefined)
      followInterfaces(interfaces, paths, () => plane.pathsChanged(), options.log ?? silentLog);
    return plane;
  } catch (error) {
    throw explain(error, "nftables cannot be used");
  }
}

/** RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR and RTNLGRP_IPV6_IFADDR of linux/rtnetlink.h. */
const INTERFACE_GROUPS = [1, 5, 9];
/** Several changes of an interface are one for us, in milliseconds. */
const INTERFACE_PAUSE = 20;

/** Calls `changed` after changes of interfaces that paths lead over. Until the socket is disposed. */
function followInterfaces(
  socket: NetlinkSocket,
  paths: AddressPaths,
  changed: () => Promise<void>,
  log: Log,
): void {
  let timer: NodeJS.Timeout | undefined;
  const look = (): void => {
    timer = undefined;
    changed().catch((err: unknown) => {
      log.error({ err }, "the ways to virtual addresses could not be followed to a changed interface");
    });
  };
  socket.subscribe(
    (event) => {
      const isOurs =
        event.type === "lost" ||
        event.messages.some((message) => {
          const link =
            message.type === RTM_NEWLINK || message.type === RTM_DELLINK ? readLink(message) : undefined;
          const index = link?.index ?? readAddress(message)?.link;
          return index !== undefined && paths.concerns(index, link?.name);
        });
      if (isOurs) timer ??= setTimeout(look, INTERFACE_PAUSE).unref();
    },
    { ref: false },
  );
}

/** Every expression that a picker can have. */
const PROBED: readonly Picker[] = [
  { balance: "random", slots: 2, to: "node", external: false, affinity: 10_800 },
  { balance: "round-robin", slots: 2, to: "address", external: true, port: { version: 6, name: "probe" } },
  { balance: "source-port", slots: 2, to: "address", external: true },
  {
    balance: "least-clients",
    slots: 2,
    to: "node",
    external: true,
    affinity: 10_800,
    port: { version: 6, name: "probe" },
  },
];

function isLocal(routes: RouteSocket, address: Ip): boolean {
  try {
    return routes.routeTo(address).type === "local";
  } catch (error) {
    // Unreachable: nobody's.
    if (error instanceof NetlinkError) return false;
    throw error;
  }
}

/** Makes and deletes all kinds of things in one transaction, unless they are there, which proves as much. */
function probe(kernel: NftablesPort): void {
  if (kernel.tables(ourTable.family).some((table) => table.name === ourTable.name)) return;
  const name = `${ourTable.name}-probe`;
  const pickers = PROBED.flatMap((picker, index) => pickerCommands(picker, FIRST_PICKER + index));
  const commands = [...skeleton(), ...pickers].map((command) => inTable(command, name));
  commands.push({ op: "delete table", table: { ...ourTable, name } });
  try {
    kernel.commit(commands);
  } catch (error) {
    throw explain(error, "nftables cannot be used", commands);
  }
}

function inTable(command: Command, name: string): Command {
  switch (command.op) {
    case "add table":
      return { ...command, table: { ...command.table, name } };
    case "add chain":
      return { ...command, chain: { ...command.chain, table: name } };
    case "add rule":
      return { ...command, rule: { ...command.rule, table: name } };
    case "add set":
      return { ...command, set: { ...command.set, table: name } };
    case "add elements":
      return { ...command, set: { ...command.set, table: name } };
    default:
      return command;
  }
}
