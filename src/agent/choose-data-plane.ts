/** Which data plane this machine can have: the kernel's where we may program it, else the userspace proxy. */
import { type Cidr, cidr } from "../base/ip.ts";
import type { Log } from "../base/log.ts";
import { type DataPlane, DataPlaneError } from "../dataplane/dataplane.ts";
import type { LocalBridge } from "../dataplane/nftables/address-paths.ts";
import type { BridgePair } from "../dataplane/nftables/bridges.ts";
import { createNftablesDataPlane } from "../dataplane/nftables/programmer.ts";
import type { NftablesDataPlaneControls } from "../dataplane/nftables/controls.ts";
import { HostAddressWatch } from "../dataplane/host-addresses.ts";
import { tableOnHost, withHostPorts } from "../dataplane/host-ports.ts";
import { type ServiceTable, type VirtualPort, virtualPortKey } from "../dataplane/table.ts";
import { withLoopbackNodePorts } from "../dataplane/userspace/loopback-node-ports.ts";
import {
  createUserspaceDataPlane,
  type PortProblem,
  type UserspaceDataPlane,
} from "../dataplane/userspace/userspace.ts";
import { claimTable, TableTakenError } from "./table-claim.ts";

/** "auto": nftables where this process may program it, else userspace. */
export type DataPlaneChoice = "auto" | "nftables" | "userspace" | "none";

/** Interfaces in and out between which answers would bypass this host. */
export type MasqueradeBridges = (pairs: readonly BridgePair[]) => Promise<void>;

/** The bridges of this host that containers are on, all of them. */
export type LocalBridges = (bridges: readonly LocalBridge[]) => Promise<void>;

export interface ChosenDataPlane {
  /** Undefined: only the API and the controllers run here. */
  readonly dataPlane: DataPlane | undefined;
  /** Whom to tell of bridges whose answers would bypass this host; undefined where that does not matter. */
  readonly setMasqueradeBridges?: MasqueradeBridges;
  /** Whom to tell of bridges that containers are on, so that these reach virtual addresses in their own subnets. */
  readonly setLocalBridges?: LocalBridges;
  /** What of a table can be served on this host, where that is not all of it: withHostPorts. */
  readonly onHost?: (table: ServiceTable) => ServiceTable;
  /** What becomes of ports that cannot be listened on. */
  readonly problems: PortProblems;
  /** The kernel's part, for its counters; undefined where there is none. */
  readonly nftables?: NftablesDataPlaneControls;
  /** The proxy, which another process may take over from; undefined where the kernel does it. */
  readonly userspace?: UserspaceDataPlane;
  /** To be given back after the data plane: nobody else programs the kernel's table meanwhile. */
  readonly claim?: Disposable;
  /** What people read at the start. */
  readonly description: string;
  /** Where virtual addresses come from unless the user says so. */
  readonly defaultServiceCidrs: readonly Cidr[];
}

/** As in a Kubernetes cluster made with its defaults. */
const KERNEL_SERVICE_CIDR = cidr("10.96.0.0/16");
/** Without root only addresses of 127/8 can be listened on. */
const LOOPBACK_SERVICE_CIDR = cidr("127.96.0.0/16");

/** Flows of a removed endpoint move within 100 ms; a look for them takes the kernel 10 ms. */
const UDP_CUT_INTERVAL = 30;

/**
 * `handover` is where a userspace proxy gets the listening sockets of the process before it, and leaves its own.
 * Throws DataPlaneError, with its remedy, if the one that was asked for cannot work here.
 */
export async function chooseDataPlane(
  choice: DataPlaneChoice,
  netns: string | undefined,
  log: Log,
  handover?: string,
): Promise<ChosenDataPlane> {
  const where = netns === undefined ? {} : { netns };
  const problems = new PortProblems(log);
  const next = handover === undefined ? {} : { handover };
  const userspace = (why: string): ChosenDataPlane => {
    const proxy = createUserspaceDataPlane({ ...where, ...next, log, onProblem: problems.add });
    return {
      dataPlane: proxy,
      problems,
      userspace: proxy,
      description: `userspace proxy${why}`,
      defaultServiceCidrs: [LOOPBACK_SERVICE_CIDR],
    };
  };
  if (choice === "none")
    return {
      dataPlane: undefined,
      problems,
      description: "none",
      defaultServiceCidrs: [KERNEL_SERVICE_CIDR],
    };
  if (choice === "userspace") return userspace("");
  try {
    await using stack = new AsyncDisposableStack();
    const claim = stack.use(await claimTable(netns));
    const opening = createNftablesDataPlane({
      ...where,
      log,
      cutInterval: UDP_CUT_INTERVAL,
      anchor: true,
    });
    const nftables = stack.use(await opening);
    const addresses = await HostAddressWatch.open(netns);
    stack.move();
    const onShared = (port: VirtualPort, inRange: boolean): void =>
      problems.add(sharedAddress(port, inRange));
    const onHost = withHostPorts(nftables, addresses, { onShared, log });
    return {
      dataPlane: withLoopbackNodePorts(onHost, { ...where, log, onProblem: problems.add }),
      onHost: (table) => tableOnHost(table, addresses),
      problems,
      nftables,
      ...(claim !== undefined && { claim }),
      setMasqueradeBridges: (pairs) => nftables.setMasqueradeBridges(pairs),
      setLocalBridges: (bridges) => nftables.setLocalBridges(bridges),
      description: "nftables: table inet fairlead",
      defaultServiceCidrs: [KERNEL_SERVICE_CIDR],
    };
  } catch (error) {
    // Beside the kernel's rules of another, a proxy would serve the same addresses.
    if (choice === "nftables" || !(error instanceof DataPlaneError) || error instanceof TableTakenError)
      throw error;
    return userspace(`, because ${error.message}`);
  }
}

function sharedAddress(port: VirtualPort, inRange: boolean): PortProblem {
  const others = inRange
    ? "the node's other ports there are closed, since it is of a service range"
    : "the node's other ports stay open";
  return {
    port,
    message: `its address ${port.address} is this node's own: the Service's ports are served there, and ${others}`,
    remedy: "make the Service anew, so that it gets another address",
    reason: "ClusterIPIsNodeAddress",
  };
}

/** Ports that are not served, or not as they should be: logged, and told to whoever wants to know. */
class PortProblems {
  onProblem: ((problem: PortProblem) => void) | undefined;
  /** Instead of the log, once: a sentence for people of the right that ports below 1024 need, which many Services have. */
  onMissingRight: ((sentence: string) => void) | undefined;
  #isRightTold = false;
  readonly add: (problem: PortProblem) => void;

  constructor(log: Log) {
    this.add = (problem) => {
      const { port, message, remedy, code } = problem;
      const fields = { service: port.service, port: virtualPortKey(port), remedy };
      if (code === "EACCES" && this.onMissingRight !== undefined) {
        log.debug(fields, message);
        if (!this.#isRightTold) this.onMissingRight(`${message} (the only such line); ${remedy}`);
        this.#isRightTold = true;
      } else log.warn(fields, message);
      this.onProblem?.(problem);
    };
  }
}
