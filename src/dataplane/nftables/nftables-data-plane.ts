/**
 * The nftables data plane: keeps table `inet fairlead` equal to what the service table says.
 *
 * Every call to the kernel is synchronous and answered within the call, so a change is one batch within one turn of the
 * event loop, and nothing of ours runs in between: no lock, no queue. Only reading everything back takes many turns:
 * changes wait for that while nothing is known (sync), and overtake it otherwise (repair). What the kernel holds stays in
 * force when this process ends; the next one reads it back and writes the differences.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Ip } from "../../base/ip.ts";
import type { Log } from "../../base/log.ts";
import { silentLog } from "../../base/log.ts";
import type { Command } from "../../net/nftables/model.ts";
import {
  NetlinkAnswerLostError,
  NetlinkDumpInterruptedError,
  NetlinkError,
} from "../../sys/netlink-error.ts";
import type { SyncReport } from "../dataplane.ts";
import { DataPlaneError } from "../dataplane.ts";
import type { ServiceTable, TableDelta, VirtualPort, VirtualPortKey } from "../table.ts";
import { virtualPortKey } from "../table.ts";
import { wholeAddresses } from "../whole-addresses.ts";
import type { AddressPaths, LocalBridge, PathReport } from "./address-paths.ts";
import type { BridgePair } from "./bridges.ts";
import { bridgeCommands } from "./bridges.ts";
import type { DesiredState } from "./desired-state.ts";
import { desiredState, fixedElements, planState, removedPorts } from "./desired-state.ts";
import type { KernelState } from "./kernel-state.ts";
import { readKernelState, readKernelStateInTurns } from "./kernel-state.ts";
import { type ClientCount, ClientCounting } from "./client-counting.ts";
import type { NftablesDataPlaneControls, NftablesDataPlaneOptions } from "./controls.ts";
import type { LoopbackSetting } from "./loopback-routing.ts";
import { LoopbackRouting } from "./loopback-routing.ts";
import type { Plan } from "./plan.ts";
import { commitPlan, planDelta } from "./plan.ts";
import type { ChangeWatch, ConntrackPort, NftablesPort, WatchChanges, WatchNewClients } from "./port.ts";
import type { Programmed } from "./programmed.ts";
import { parseRanges } from "./programmed.ts";
import type { MapFill, PacketCounters } from "./readings.ts";
import { readCounters, readMapFill } from "./readings.ts";
import type { Reconciliation } from "./reconcile.ts";
import { compare, rebuild, reconcile } from "./reconcile.ts";
import { addressBytes, latin1 } from "./keys.ts";
import { explain } from "./refusal.ts";
import { table as ourTable } from "./sets.ts";
import type { TranslationAnchor } from "./translation-anchor.ts";
import { inTurns, OvertakenError } from "./turns.ts";
import { portsToCut, UdpCuts } from "./udp-cuts.ts";
import type { FlowPort } from "./udp-flows.ts";
import { cutStaleFlows, isUdp } from "./udp-flows.ts";
import { ExpectedElements, verify } from "./verification.ts";

/** What it is made of: the kernel of one namespace, or a fake of it. */
export interface NftablesParts {
  readonly kernel: NftablesPort & ConntrackPort;
  /** What leads packets to virtual addresses. Absent: nothing is done about that. */
  readonly paths?: AddressPaths;
  /** Told of the virtual addresses that are services' as a whole. @default {nobody} */
  readonly anchor?: TranslationAnchor;
  readonly watch: WatchChanges;
  /** Absent: new clients are only found in the maps, again and again. */
  readonly watchNewClients?: WatchNewClients;
  /** Whether the address is one of this host's, loopback included. @default {none is} */
  readonly isLocal?: (address: Ip) => boolean;
  /** Absent: there are no node ports on 127.0.0.1. */
  readonly loopback?: LoopbackSetting;
}

/** A reader who is overtaken by others' commits this often writes without the condition that nobody did. */
const MAX_READS = 5;
/** Reading in turns that is overtaken this often is done at once instead. */
const MAX_READS_IN_TURNS = 3;
/** A change of more elements than this is made while nobody of us listens. */
const MAX_HEARD = 2000;
/** At most one repair in so many milliseconds, so that a fight over the table does not take the whole processor. */
const REPAIR_INTERVAL = 100;

export class NftablesDataPlane implements NftablesDataPlaneControls {
  readonly name = "nftables";
  readonly #kernel: NftablesPort & ConntrackPort;
  readonly #paths: AddressPaths | undefined;
  readonly #anchor: TranslationAnchor | undefined;
  readonly #watchChanges: WatchChanges;
  readonly #options: NftablesDataPlaneOptions;
  readonly #resources: AsyncDisposableStack;
  readonly #isLocal: (address: Ip) => boolean;
  readonly #loopback: LoopbackRouting | undefined;
  readonly #log: Log;
  readonly #cuts: UdpCuts;
  readonly #clients: ClientCounting;
  /** What should be there; undefined before the first sync and after cleanup. */
  #table: (ServiceTable & { ports: Map<VirtualPortKey, VirtualPort> }) | undefined;
  #programmed: Programmed | undefined;
  /** What should be masqueraded; in force if `#programmed` is. */
  #bridges: readonly BridgePair[];
  #changes: ChangeWatch | undefined;
  /** What the generation is if nobody but us has committed since the table was read. */
  #generation = 0;
  /** Grows with each change of ours, of the table or in the kernel: what was read before is overtaken. */
  #changed = 0;
  /** While what is programmed is verified. */
  #expected: ExpectedElements | undefined;
  /** The last of what is done one after the other: syncs and repairs. Never rejects. */
  #last: Promise<unknown> = Promise.resolve();
  /** While clients are counted in a sync, after it has read all else. */
  #isAdopting = false;
  /** Syncs that are not done. */
  #syncs = 0;
  /** What leads to virtual addresses, as it was last seen to. */
  #pathsEnsured: Promise<PathReport> = Promise.resolve({ kept: 0, written: 0 });
  #timer: NodeJS.Timeout | undefined;
  #repairing: Promise<void> | undefined;
  #lastRepair = 0;
  #closed = false;

  /** Owns `resources`, which the parts are made of: they are disposed with the data plane. */
  constructor(
    parts: NftablesParts,
    options: NftablesDataPlaneOptions = {},
    resources: AsyncDisposableStack = new AsyncDisposableStack(),
  ) {
    this.#kernel = parts.kernel;
    this.#paths = parts.paths;
    this.#anchor = parts.anchor;
    this.#watchChanges = parts.watch;
    this.#options = options;
    this.#bridges = options.masqueradeBridges ?? [];
    this.#resources = resources;
    this.#log = options.log ?? silentLog;
    this.#cuts = new UdpCuts(options.cutInterval ?? 0, (due) => {
      const ports = this.#programmed?.ports;
      this.#cutFlows(
        Array.from(due, ([key, removed]) => ({ ...(ports?.get(key) ?? removed), lost: removed.lost })),
      );
    });
    this.#clients = new ClientCounting({
      kernel: parts.kernel,
      ...(parts.watchNewClients === undefined ? {} : { watch: parts.watchNewClients }),
      programmed: () => (this.#syncs > 0 && !this.#isAdopting ? undefined : this.#programmed),
      commit: (plan) => this.#takeTurns(plan),
      inOrder: (work) => this.#inOrder(work),
      log: this.#log,
    });
    this.#isLocal = parts.isLocal ?? (() => false);
    if (parts.loopback !== undefined)
      this.#loopback = new LoopbackRouting({
        setting: parts.loopback,
        commit: (commands) => this.#transact(commands),
        log: this.#log,
      });
  }

  async sync(table: ServiceTable): Promise<SyncReport> {
    this.#table = { ...table, ports: new Map(table.ports) };
    this.#programmed = undefined;
    this.#syncs++;
    try {
      // Before anything is read: it is a commit like those of others.
      this.#anchor?.set(table.ranges, wholeAddresses(table));
    } catch (error) {
      this.#syncs--;
      throw explain(error, "programming the anchor of connections");
    }
    try {
      return await this.#inOrder(() => this.#synchronise());
    } finally {
      this.#syncs--;
    }
  }

  async apply(delta: TableDelta): Promise<void> {
    // Until everything is read back, nothing is known to change.
    while (this.#syncs > 0) await this.#last;
    const table = this.#table;
    if (table === undefined) throw new DataPlaneError("apply() before sync(): nothing is known to change");
    const programmed = this.#programmed;
    this.#changed++;
    if (programmed === undefined) {
      // The last reconciliation failed: only reading everything back tells what is there.
      merge(table.ports, delta);
      this.#reconcile();
      return;
    }
    this.#clients.hear();
    const plan = planDelta(programmed, delta);
    merge(table.ports, delta);
    const udp = portsToCut(programmed, plan);
    const needsLoopback = nodePorts(programmed, plan) > 0;
    // Nothing is routed any more before nothing is guarded any more.
    if (!needsLoopback) this.#loopback?.update(false);
    if (plan.commands.length > 0 && !this.#commit(plan.commands)) {
      // Somebody has changed the table, so the plan was made on wrong grounds.
      this.#reconcile();
    } else {
      this.#paths?.change(programmed, plan.ports);
      this.#anchorAddresses(turned(programmed.counts.whole, plan.counts.whole));
      commitPlan(programmed, plan);
      this.#clients.planned(plan);
      if (needsLoopback) this.#loopback?.update(true);
      this.#cuts.add(udp);
    }
    if (this.#changes === undefined && !(await this.#watch())) this.#reconcile();
    await this.#clients.ready();
  }

  async setMasqueradeBridges(pairs: readonly BridgePair[]): Promise<void> {
    const wanted = structuredClone(pairs);
    while (this.#syncs > 0) await this.#last;
    this.#changed++;
    const commands = bridgeCommands(this.#bridges, wanted);
    if (this.#table === undefined || this.#programmed === undefined) {
      this.#bridges = wanted;
      if (this.#table !== undefined) this.#reconcile();
      return;
    }
    if (commands.length === 0) return;
    const isDone = this.#commit(commands);
    this.#bridges = wanted;
    if (!isDone) this.#reconcile();
  }

  async setLocalBridges(bridges: readonly LocalBridge[]): Promise<void> {
    this.#paths?.setBridges(bridges);
    while (this.#syncs > 0) await this.#last;
    await this.pathsChanged();
  }

  /** Something of the host's interfaces has changed. Rejects with DataPlaneError. */
  async pathsChanged(): Promise<void> {
    if (this.#programmed === undefined || this.#closed) return;
    this.#ensurePaths(this.#programmed);
    await this.#pathsEnsured;
  }

  forgetClients(addresses: Iterable<string>): void {
    try {
      this.#clients.forget(Array.from(addresses, (text) => latin1(addressBytes(text, "a client"))));
    } catch (error) {
      throw explain(error, "forgetting clients");
    }
  }

  readClients(): ClientCount[] {
    return this.#clients.read();
  }

  async countClients(): Promise<void> {
    await this.#clients.count();
  }

  readCounters(): PacketCounters {
    try {
      return readCounters(this.#kernel);
    } catch (error) {
      throw explain(error, "reading the counters of table inet fairlead");
    }
  }

  readMapFill(): MapFill[] {
    try {
      return this.#programmed === undefined ? [] : readMapFill(this.#kernel, this.#programmed);
    } catch (error) {
      throw explain(error, "reading the maps of table inet fairlead");
    }
  }

  async cleanup(): Promise<void> {
    this.#table = undefined;
    this.#programmed = undefined;
    this.#clients.cleared();
    this.#unwatch();
    if (this.#loopback !== undefined) {
      this.#loopback.adopt(readKernelState(this.#kernel));
      this.#loopback.update(false);
    }
    try {
      this.#transact([{ op: "delete table", table: ourTable }]);
    } catch (error) {
      if (!(error instanceof NetlinkError && error.code === "ENOENT"))
        throw explain(error, "removing table inet fairlead");
    }
    this.#paths?.remove();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#paths?.stop();
    this.#cuts[Symbol.dispose]();
    this.#clients[Symbol.dispose]();
    this.#loopback?.[Symbol.dispose]();
    this.#unwatch();
    await this.#resources.disposeAsync();
  }

  /** Does `work` when all that was to be done before is done. */
  #inOrder<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#last.then(work);
    this.#last = done.then(
      () => {},
      // Whoever asked for it is told.
      () => {},
    );
    return done;
  }

  async #synchronise(): Promise<SyncReport> {
    const { kept, written } = await this.#readAndWatch();
    await this.#adoptClients();
    const paths = await this.#pathsEnsured;
    return { kept: kept + paths.kept, written: written + paths.written };
  }

  /** After a reading: what was counted may be of other maps than those that there are now. */
  async #adoptClients(): Promise<void> {
    this.#isAdopting = true;
    try {
      await this.#clients.adopt();
    } finally {
      this.#isAdopting = false;
    }
  }

  /** New turns for new clients: a change of elements like others, but not of the table. */
  #takeTurns(plan: Plan): void {
    const programmed = this.#programmed;
    if (programmed === undefined) return;
    this.#changed++;
    if (plan.commands.length > 0 && !this.#commit(plan.commands)) this.#reconcile();
    else commitPlan(programmed, plan);
  }

  async #readAndWatch(): Promise<SyncReport> {
    if (this.#changes === undefined) await this.#watch();
    const report = await this.#reconcileInTurns();
    if (this.#changes !== undefined || (await this.#watch())) return report;
    const again = await this.#reconcileInTurns();
    return { kept: again.kept, written: report.written + again.written };
  }

  /** Reads back, compares, writes the differences; how many. Throws DataPlaneError. */
  async #verifyInTurns(): Promise<number> {
    const [table, programmed] = [this.#table!, this.#programmed!];
    const check = (): void => {
      if (this.#closed || this.#programmed !== programmed) throw new OvertakenError();
    };
    const fixed = fixedElements(table, programmed, this.#bridges, this.#loopback?.elements() ?? []);
    const expected = (this.#expected = new ExpectedElements(fixed));
    const commit = (commands: readonly Command[], generation?: number): void =>
      this.#transact(commands, generation);
    try {
      this.#generation = this.#kernel.generation();
      this.#ensurePaths(programmed);
      const written = await verify({ kernel: this.#kernel, programmed, expected, commit, check });
      if (written !== undefined) {
        if (written > 0) this.#cutFlows([...programmed.ports.values()].filter(isUdp));
        return written;
      }
    } catch (error) {
      // Whoever overtook it has read everything back, or will.
      if (error instanceof OvertakenError) return 0;
      if (!(error instanceof NetlinkError || error instanceof NetlinkDumpInterruptedError)) throw error;
      this.#log.warn({ err: error }, "table inet fairlead could not be verified; reading all of it back");
    } finally {
      this.#expected = undefined;
    }
    return (await this.#reconcileInTurns()).written;
  }

  /** As {@link #reconcile}, over many turns of the event loop, unless it is overtaken again and again. */
  async #reconcileInTurns(): Promise<SyncReport> {
    for (let attempt = 1; attempt <= MAX_READS_IN_TURNS; attempt++) {
      const table = this.#table;
      if (this.#closed || table === undefined)
        throw new DataPlaneError("closed while services were programmed");
      const changed = this.#changed;
      const check = (): void => {
        if (this.#closed || this.#table !== table || this.#changed !== changed) throw new OvertakenError();
      };
      try {
        const kernel = await readKernelStateInTurns(this.#kernel, check);
        const desired = await inTurns(planState(table, this.#bridges, kernel, this.#clients.ledger), check);
        const changes = await inTurns(compare(desired, kernel), check);
        check();
        this.#generation = kernel.generation;
        return this.#take(kernel, desired, changes, kernel.generation);
      } catch (error) {
        if (error instanceof OvertakenError || error instanceof NetlinkDumpInterruptedError) continue;
        if (!(error instanceof NetlinkError)) throw explain(error, "programming table inet fairlead");
        // Somebody committed since we read; or we do not understand what is there, and all is to be made anew.
        if (error.code !== "ERESTART") break;
      }
    }
    return this.#reconcile();
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
    const changes = await this.#watchChanges((what) => this.#repair(what));
    this.#unwatch();
    if (this.#closed || this.#table === undefined) {
      changes[Symbol.dispose]();
      return true;
    }
    this.#changes = changes;
    if (this.#timer === undefined) {
      const timer = setInterval(() => void this.#verify(), this.#options.verifyInterval ?? 30_000).unref();
      this.#timer = timer;
      this.#resources.defer(() => clearInterval(timer));
    }
    return this.#kernel.generation() === this.#generation;
  }

  /** Reads back, compares, writes the differences, in one turn. Throws DataPlaneError. */
  #reconcile(): SyncReport {
    this.#programmed = undefined;
    try {
      return this.#reconcileTable(this.#table!);
    } catch (error) {
      throw explain(error, "programming table inet fairlead");
    }
  }

  #reconcileTable(table: ServiceTable): SyncReport {
    let isRefused = false;
    for (let attempt = 1; ; attempt++) {
      const kernel = readKernelState(this.#kernel);
      this.#generation = kernel.generation;
      const desired = desiredState(table, this.#bridges, kernel, this.#clients.ledger);
      const changes = isRefused ? rebuild(desired, kernel) : reconcile(desired, kernel);
      try {
        return this.#take(kernel, desired, changes, attempt < MAX_READS ? kernel.generation : undefined);
      } catch (error) {
        if (!(error instanceof NetlinkError)) throw error;
        // ERESTART: somebody committed since we read.
        if (error.code === "ERESTART") continue;
        // Something in our table that we do not understand is in the way: all of it is made anew, once.
        if (isRefused || kernel.table === undefined)
          throw explain(error, "programming table inet fairlead", changes.commands);
        this.#log.warn({ err: error }, "table inet fairlead could not be repaired; making it anew");
        isRefused = true;
      }
    }
  }

  /** Writes the differences. */
  #take(
    kernel: KernelState,
    desired: DesiredState,
    { commands, kept, written }: Reconciliation,
    generation: number | undefined,
  ): SyncReport {
    if (commands.length > 0) this.#transact(commands, generation);
    this.#programmed = desired.programmed;
    this.#clients.reread(desired.programmed, commands);
    if (written > 0) this.#log.info({ kept, written }, "programmed table inet fairlead");
    this.#loopback?.adopt(kernel);
    this.#loopback?.update(desired.programmed.counts.nodePorts.has("4"));
    this.#cuts.clear();
    this.#cutFlows([...desired.programmed.ports.values(), ...removedPorts(kernel, desired)].filter(isUdp));
    this.#ensurePaths(desired.programmed);
    return { kept, written };
  }

  /** Begins with it; `#pathsEnsured` tells when it is done. */
  #ensurePaths(programmed: Programmed): void {
    if (this.#paths === undefined) return;
    const ensured = this.#paths.ensure(programmed).catch((error: unknown) => {
      throw explain(error, "making routes to virtual addresses");
    });
    this.#pathsEnsured = ensured;
    // Not everybody who begins with it waits.
    ensured.catch((err: unknown) =>
      this.#log.error({ err }, "there may be no way to some virtual addresses"),
    );
  }

  /** The anchor works only while our table is away: that it does not know an address must not undo a change. */
  #anchorAddresses(changes: ReadonlyMap<string, boolean>): void {
    try {
      if (this.#anchor?.changeAddresses(changes) === true) this.#generation++;
    } catch (error) {
      this.#log.error({ err: error }, "could not tell the anchor of connections of virtual addresses");
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
    this.#changed++;
    if (this.#changes !== undefined && elementCount(commands) > MAX_HEARD) this.#unwatch();
    this.#kernel.commit(commands, generation === undefined ? {} : { generation });
    this.#generation++;
    this.#expected?.record(commands);
  }

  /** A flow that cannot be cut must not undo a change that is in force: it is told, and tried again by the next sync. */
  #cutFlows(ports: readonly FlowPort[]): void {
    const programmed = this.#programmed;
    if (ports.length === 0 || programmed === undefined) return;
    try {
      const pods = parseRanges(this.#table?.podRanges ?? [], "pod range");
      const cut = cutStaleFlows(this.#kernel, ports, { programmed, pods, isLocal: this.#isLocal });
      if (cut > 0) this.#log.debug({ flows: cut }, "cut UDP flows from endpoints that are no more");
    } catch (error) {
      this.#log.error({ err: error }, "could not cut UDP flows: those to removed endpoints may be stuck");
    }
  }

  /** After a change by somebody else: soon, but not again and again. Several changes are repaired at once. */
  #repair(what: string): void {
    this.#repairing ??= this.#repairSoon(what);
  }

  async #repairSoon(what: string): Promise<void> {
    const wait = this.#lastRepair + REPAIR_INTERVAL - performance.now();
    await delay(Math.max(0, Math.min(wait, REPAIR_INTERVAL)), undefined, { ref: false });
    try {
      const written = await this.#inOrder(() => {
        // A change from now on may be of what is read already: it is repaired after this.
        this.#repairing = undefined;
        return this.#repairNow();
      });
      if (written > 0) this.#log.warn({ written }, `${what}: repaired`);
    } catch (error) {
      // Closed while it was read: the next process will.
      if (this.#closed) return;
      this.#log.error({ err: error }, `${what}, and it could not be repaired`);
    }
    this.#lastRepair = performance.now();
  }

  async #repairNow(): Promise<number> {
    if (this.#closed || this.#table === undefined) return 0;
    if (this.#programmed === undefined) return (await this.#synchronise()).written;
    const written = await this.#verifyInTurns();
    // What is large is written while nobody of us listens.
    if (this.#changes !== undefined || (await this.#watch())) return written;
    return written + (await this.#verifyInTurns());
  }

  /** Repairs if somebody committed and we were not told, or if the last repair failed. */
  async #verify(): Promise<void> {
    if (this.#syncs > 0) return;
    try {
      const generation = this.#kernel.generation();
      const isTold = generation === this.#generation || generation === this.#changes?.generation;
      if (this.#programmed !== undefined && isTold) return;
    } catch (error) {
      this.#log.error({ err: error }, "could not read the ruleset's generation");
    }
    this.#repair("checking table inet fairlead");
    await this.#repairing;
  }
}

/** What comes into use (true) and what goes out of use. */
function turned(
  counts: ReadonlyMap<string, number>,
  changes: ReadonlyMap<string, number>,
): Map<string, boolean> {
  const found = new Map<string, boolean>();
  for (const [key, change] of changes) {
    const before = counts.get(key) ?? 0;
    if (before > 0 !== before + change > 0) found.set(key, before === 0);
  }
  return found;
}

function elementCount(commands: readonly Command[]): number {
  return commands.reduce((sum, command) => sum + ("elements" in command ? command.elements.length : 1), 0);
}

function merge(ports: Map<VirtualPortKey, VirtualPort>, delta: TableDelta): void {
  for (const key of delta.remove) ports.delete(key);
  for (const port of delta.set) ports.set(virtualPortKey(port), port);
}

/** How many IPv4 node ports there will be. */
function nodePorts(programmed: Programmed, plan: Plan): number {
  return (programmed.counts.nodePorts.get("4") ?? 0) + (plan.counts.nodePorts.get("4") ?? 0);
}
