/**
 * The nftables data plane: keeps table `inet fairlead` equal to what the service table says.
 *
 * Every call to the kernel is synchronous and answered within the call, so a change is one batch within one turn of the
 * event loop, and nothing of ours runs in between: no lock, no queue. What the kernel holds stays in force when this
 * process ends; the next one reads it back and writes the differences.
 */
import { setTimeout as delay } from "node:timers/promises";
import { cidr } from "../../base/ip.ts";
import type { Log } from "../../base/log.ts";
import { silentLog } from "../../base/log.ts";
import { encodeBatch } from "../../net/nftables/encode.ts";
import type { Command } from "../../net/nftables/model.ts";
import { NetlinkWriter } from "../../net/netlink/writer.ts";
import { RouteSocket } from "../../net/rtnetlink/route-socket.ts";
import { NetlinkAnswerLostError, NetlinkError } from "../../sys/netlink-error.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "../../sys/netlink-socket.ts";
import type { DataPlane, SyncReport } from "../dataplane.ts";
import { DataPlaneError } from "../dataplane.ts";
import type { ServiceTable, TableDelta, VirtualPort, VirtualPortKey } from "../table.ts";
import { virtualPortKey } from "../table.ts";
import { desiredState } from "./desired-state.ts";
import type { BridgePair } from "./desired-state.ts";
import { ForeignChanges } from "./foreign-changes.ts";
import { readGeneration, readKernelState } from "./kernel-state.ts";
import type { Plan, Programmed } from "./plan.ts";
import { commitPlan, planDelta } from "./plan.ts";
import { rebuild, reconcile } from "./reconcile.ts";
import { explain } from "./refusal.ts";
import { ensureRoutes, removeRoutes } from "./route.ts";
import { skeleton, slotCommands, table as ourTable } from "./ruleset.ts";
import type { UdpPort } from "./udp-flows.ts";
import { cutStaleFlows, isUdp } from "./udp-flows.ts";

export interface NftablesOptions {
  /** The network namespace to program: a name in /run/netns or a path. @default {the calling thread's} */
  readonly netns?: string;
  /** Pairs of interfaces between which answers bypass this host, so that connections must be masqueraded. @default {none} */
  readonly masqueradeBridges?: readonly BridgePair[];
  /** Whether to add a route to service ranges that the host itself cannot reach. @default {true} */
  readonly routes?: boolean;
  /** How often to make sure that no change was missed, in milliseconds. @default {30_000} */
  readonly verifyInterval?: number;
  readonly log?: Log;
}

/** A reader who is overtaken by others' commits this often writes without the condition that nobody did. */
const MAX_READS = 5;
/** A change of more elements than this is made while nobody of us listens. */
const MAX_HEARD = 2000;
/** At most one repair in so many milliseconds, so that a fight over the table does not take the whole processor. */
const REPAIR_INTERVAL = 100;

/**
 * Opens the sockets and makes sure that this kernel can do what is needed. Nothing is changed before `sync`.
 * Throws DataPlaneError with a remedy: no rights, no nf_tables, a kernel that is too old.
 */
export async function createNftablesDataPlane(options: NftablesOptions = {}): Promise<DataPlane> {
  const netns = options.netns === undefined ? {} : { netns: options.netns };
  await using stack = new AsyncDisposableStack();
  try {
    const socket = stack.use(await NetlinkSocket.open(NETLINK_NETFILTER, netns));
    const routes = options.routes === false ? undefined : stack.use(await RouteSocket.open(netns));
    probe(socket);
    return new NftablesDataPlane(socket, routes, options, stack.move());
  } catch (error) {
    throw explain(error, "nftables cannot be used");
  }
}

/** Makes and deletes all kinds of things in one transaction, unless they are there, which proves as much. */
function probe(socket: NetlinkSocket): void {
  if (readKernelState(socket).table !== undefined) return;
  const name = `${ourTable.name}-probe`;
  const commands = [...skeleton(), ...slotCommands(2)].map((command) => inTable(command, name));
  commands.push({ op: "delete table", table: { ...ourTable, name } });
  try {
    socket.transact(encodeBatch(commands));
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

class NftablesDataPlane implements DataPlane {
  readonly name = "nftables";
  readonly #socket: NetlinkSocket;
  readonly #routes: RouteSocket | undefined;
  readonly #options: NftablesOptions;
  readonly #resources: AsyncDisposableStack;
  readonly #log: Log;
  readonly #writer = new NetlinkWriter(64 * 1024);
  /** What should be there; undefined before the first sync and after cleanup. */
  #table: { ports: Map<VirtualPortKey, VirtualPort>; ranges: readonly string[] } | undefined;
  #programmed: Programmed | undefined;
  #changes: ForeignChanges | undefined;
  /** What the generation is if nobody but us has committed since the table was read. */
  #generation = 0;
  #timer: NodeJS.Timeout | undefined;
  #ownPort = 0;
  #repairing: Promise<void> | undefined;
  #lastRepair = 0;
  #closed = false;

  constructor(
    socket: NetlinkSocket,
    routes: RouteSocket | undefined,
    options: NftablesOptions,
    resources: AsyncDisposableStack,
  ) {
    this.#socket = socket;
    this.#routes = routes;
    this.#options = options;
    this.#resources = resources;
    this.#log = options.log ?? silentLog;
  }

  async sync(table: ServiceTable): Promise<SyncReport> {
    this.#table = { ports: new Map(table.ports), ranges: table.ranges };
    return this.#synchronise();
  }

  async apply(delta: TableDelta): Promise<void> {
    const table = this.#table;
    if (table === undefined) throw new DataPlaneError("apply() before sync(): nothing is known to change");
    const programmed = this.#programmed;
    if (programmed === undefined) {
      // The last reconciliation failed: only reading everything back tells what is there.
      merge(table.ports, delta);
      this.#reconcile();
      return;
    }
    const plan = planDelta(programmed, delta);
    merge(table.ports, delta);
    const udp = changedUdpPorts(programmed, plan);
    if (elementCount(plan.commands) > MAX_HEARD) this.#unwatch();
    if (plan.commands.length > 0 && !this.#commit(plan.commands)) {
      // Somebody has changed the table, so the plan was made on wrong grounds.
      this.#reconcile();
    } else {
      commitPlan(programmed, plan);
      this.#cutFlows(udp);
    }
    if (this.#changes === undefined) await this.#watch();
  }

  async cleanup(): Promise<void> {
    this.#table = undefined;
    this.#programmed = undefined;
    this.#unwatch();
    try {
      this.#transact([{ op: "delete table", table: ourTable }]);
    } catch (error) {
      if (!(error instanceof NetlinkError && error.code === "ENOENT"))
        throw explain(error, "removing table inet fairlead");
    }
    if (this.#routes !== undefined) removeRoutes(this.#routes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#unwatch();
    await this.#resources.disposeAsync();
  }

  async #synchronise(): Promise<SyncReport> {
    this.#unwatch();
    const report = this.#reconcile();
    if (await this.#watch()) return report;
    const again = this.#reconcile();
    return { kept: again.kept, written: report.written + again.written };
  }

  #unwatch(): void {
    this.#changes?.[Symbol.dispose]();
    this.#changes = undefined;
  }

  /**
   * Starts to hear others' changes. Only now: while anybody listens, the kernel writes a message for each element, which
   * makes loading a large table five times slower. False if somebody committed before we heard it.
   */
  async #watch(): Promise<boolean> {
    const { netns, verifyInterval = 30_000 } = this.#options;
    const changes = await ForeignChanges.open({
      ...(netns === undefined ? {} : { netns }),
      ownPort: () => this.#ownPort,
      onChange: (what) => this.#repair(what),
    });
    this.#unwatch();
    if (this.#closed || this.#table === undefined) {
      changes[Symbol.dispose]();
      return true;
    }
    this.#changes = changes;
    if (this.#timer === undefined) {
      const timer = setInterval(() => void this.#verify(), verifyInterval).unref();
      this.#timer = timer;
      this.#resources.defer(() => clearInterval(timer));
    }
    const { id, port } = readGeneration(this.#socket);
    this.#ownPort = port;
    changes.generation = id;
    return id === this.#generation;
  }

  /** Reads back, compares, writes the differences. Throws DataPlaneError. */
  #reconcile(): SyncReport {
    const table = this.#table!;
    this.#programmed = undefined;
    try {
      const report = this.#reconcileTable(table);
      const routes =
        this.#routes === undefined
          ? { kept: 0, written: 0 }
          : ensureRoutes(this.#routes, table.ranges.map(cidr));
      return { kept: report.kept + routes.kept, written: report.written + routes.written };
    } catch (error) {
      throw explain(error, "programming table inet fairlead");
    }
  }

  #reconcileTable(table: ServiceTable): SyncReport {
    let isRefused = false;
    for (let attempt = 1; ; attempt++) {
      const kernel = readKernelState(this.#socket);
      this.#generation = kernel.generation;
      const desired = desiredState(table, this.#options.masqueradeBridges ?? [], kernel);
      const { commands, kept, written } = isRefused ? rebuild(desired, kernel) : reconcile(desired, kernel);
      try {
        if (commands.length > 0)
          this.#transact(commands, attempt < MAX_READS ? kernel.generation : undefined);
      } catch (error) {
        if (!(error instanceof NetlinkError)) throw error;
        // ERESTART: somebody committed since we read.
        if (error.code === "ERESTART") continue;
        // Something in our table that we do not understand is in the way: all of it is made anew, once.
        if (isRefused || kernel.table === undefined)
          throw explain(error, "programming table inet fairlead", commands);
        this.#log.warn({ err: error }, "table inet fairlead could not be repaired; making it anew");
        isRefused = true;
        continue;
      }
      this.#programmed = desired.programmed;
      if (written > 0) this.#log.info({ kept, written }, "programmed table inet fairlead");
      this.#cutFlows([...desired.programmed.ports.values()].filter(isUdp));
      return { kept, written };
    }
  }

  /** Sends a plan; false if the kernel refused it because the table is not what we thought. */
  #commit(commands: readonly Command[]): boolean {
    try {
      this.#transact(commands);
      return true;
    } catch (error) {
      if (!(error instanceof NetlinkError || error instanceof NetlinkAnswerLostError)) throw error;
      this.#log.warn({ err: error }, "table inet fairlead is not what it was; reading it back");
      return false;
    }
  }

  #transact(commands: readonly Command[], generation?: number): void {
    const options = generation === undefined ? {} : { generation };
    this.#socket.transact(encodeBatch(commands, { writer: this.#writer, ...options }));
    this.#generation++;
  }

  /** A flow that cannot be cut must not undo a change that is in force: it is told, and tried again by the next sync. */
  #cutFlows(ports: readonly UdpPort[]): void {
    if (ports.length === 0) return;
    try {
      const cut = cutStaleFlows(this.#socket, ports);
      if (cut > 0) this.#log.debug({ flows: cut }, "cut UDP flows from endpoints that are no more");
    } catch (error) {
      this.#log.error({ err: error }, "could not cut UDP flows: those to removed endpoints may be stuck");
    }
  }

  /** After a change by somebody else: soon, but not again and again. Several changes are repaired at once. */
  #repair(what: string): void {
    this.#repairing ??= this.#repairSoon(what).finally(() => {
      this.#repairing = undefined;
    });
  }

  async #repairSoon(what: string): Promise<void> {
    const wait = this.#lastRepair + REPAIR_INTERVAL - performance.now();
    await delay(Math.max(0, Math.min(wait, REPAIR_INTERVAL)), undefined, { ref: false });
    if (this.#closed || this.#table === undefined) return;
    try {
      const { written } = await this.#synchronise();
      if (written > 0) this.#log.warn({ written }, `${what}: repaired`);
    } catch (error) {
      this.#log.error({ err: error }, `${what}, and it could not be repaired`);
    }
    this.#lastRepair = performance.now();
  }

  /** Repairs if somebody committed and we were not told, or if the last repair failed. */
  async #verify(): Promise<void> {
    const { generation } = this.#changes ?? {};
    try {
      if (this.#programmed !== undefined && readGeneration(this.#socket).id === generation) return;
    } catch (error) {
      this.#log.error({ err: error }, "could not read the ruleset's generation");
    }
    this.#repair("checking table inet fairlead");
    await this.#repairing;
  }
}

function elementCount(commands: readonly Command[]): number {
  return commands.reduce((sum, command) => sum + ("elements" in command ? command.elements.length : 1), 0);
}

function merge(ports: Map<VirtualPortKey, VirtualPort>, delta: TableDelta): void {
  for (const key of delta.remove) ports.delete(key);
  for (const port of delta.set) ports.set(virtualPortKey(port), port);
}

/** The UDP ports that a plan changes, as they will be. */
function changedUdpPorts(programmed: Programmed, plan: Plan): UdpPort[] {
  const changed: UdpPort[] = [];
  for (const [key, port] of plan.ports) {
    const before = programmed.ports.get(key);
    const now = port ?? (before === undefined ? undefined : { ...before, slots: [] });
    if (now !== undefined && isUdp(now) && now.slots !== before?.slots) changed.push(now);
  }
  return changed;
}
