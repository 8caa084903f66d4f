/**
 * Keeps the turns of new clients right, with least clients: hears of new clients, finds out who has gone, and rewrites the
 * rings (client-turns.ts) whose next turns are not the endpoints with the fewest clients any more.
 *
 * Nothing here is needed for packets to flow, or for a client to keep its endpoint: that is all in the kernel.
 */
import { formatIp, ipFromBytes } from "../../base/ip.ts";
import type { Log } from "../../base/log.ts";
import type { Command } from "../../net/nftables/model.ts";
import type { VirtualPortKey } from "../table.ts";
import { sharesOf } from "./choice.ts";
import type { ProgrammedChoice } from "./choice.ts";
import { ClientLedger, groupKey, groupOf } from "./client-ledger.ts";
import type { RememberedClient } from "./client-ledger.ts";
import { ClientMaps, type WhichClient } from "./client-maps.ts";
import { addressOf, latin1, latin1Bytes } from "./keys.ts";
import type { Picker } from "./pickers.ts";
import { EXTERNAL_SLOTS, pickerName } from "./pickers.ts";
import type { NewTurns, Plan } from "./plan.ts";
import { planTurns } from "./plan.ts";
import type { NewClient, NewClientWatch, NftablesPort, WatchNewClients } from "./port.ts";
import type { Programmed, ProgrammedPort } from "./programmed.ts";
import type { IpVersion } from "./sets.ts";

/** Rings are rewritten at most once in so many milliseconds: many clients at once are one change. */
const REWRITE_INTERVAL = 5;
/** So many milliseconds after a ring was rewritten, news may still be of the one before. */
const UNSURE = 250;
/** How often to look for clients whose time is over. */
const SWEEP_INTERVAL = 1000;
/** In one turn of the event loop: each is one question to the kernel, of some microseconds. */
const SWEEP_LIMIT = 200;
/** So many clients are forgotten in one commit. */
const FORGET_LIMIT = 500;
/** How often to count from the maps, in milliseconds: as long as new clients are told, only to be sure. */
const RECOUNT_INTERVAL = { told: 300_000, untold: 2000 } as const;
export interface ClientCountingParts {
  readonly kernel: NftablesPort;
  /** Absent: new clients are only found in the maps. */
  readonly watch?: WatchNewClients;
  /** What is programmed; undefined while that is being found out. */
  readonly programmed: () => Programmed | undefined;
  /** Commits a plan that changes nothing but turns. */
  readonly commit: (plan: Plan) => void;
  /** Does `work` when nobody else reads the kernel. */
  readonly inOrder: (work: () => Promise<void>) => Promise<void>;
  readonly log: Log;
}

export interface ClientCount {
  /** "namespace/name". */
  readonly service: string;
  /** Clients outside the cluster, where those get other endpoints. */
  readonly external: boolean;
  readonly endpoint: string;
  readonly clients: number;
}

/** Where a destination leads. */
interface Place {
  readonly key: VirtualPortKey;
  readonly port: ProgrammedPort;
}

interface Index {
  /** By address, protocol and port, as in the keys of pickersN. */
  readonly byDestination: ReadonlyMap<string, ProgrammedPort>;
  readonly byGroup: ReadonlyMap<string, readonly Place[]>;
}

export class ClientCounting implements Disposable {
  readonly ledger: ClientLedger = new ClientLedger();
  readonly #parts: ClientCountingParts;
  readonly #maps: ClientMaps;
  /** Groups whose rings may have to be rewritten. */
  readonly #dirty = new Set<string>();
  #index: Index | undefined;
  /** When the rings of chains were last rewritten. */
  readonly #rewritten = new Map<string, number>();
  #watching: Promise<NewClientWatch | undefined> | undefined;
  #watch: NewClientWatch | undefined;
  #isTold = false;
  #rewrite: NodeJS.Timeout | undefined;
  #lastRewrite = -Infinity;
  #sweep: NodeJS.Timeout | undefined;
  #lastRecount = -Infinity;
  #isRecountDue = false;
  /** While the maps are read: who came or went meanwhile, for whom this picture is the newer one. */
  #touched: Set<string> | undefined;
  #closed = false;

  constructor(parts: ClientCountingParts) {
    this.#parts = parts;
    this.#maps = new ClientMaps(parts.kernel);
  }

  /** To be told of each plan that was committed, after that. */
  planned(plan: Plan): void {
    this.#index = undefined;
    for (const [name, picker] of plan.pickers)
      if (picker === undefined) {
        this.ledger.lostCount(name);
        this.#rewritten.delete(name);
      } else this.ledger.begun(name);
    this.#unsure(plan.ports.values());
    if (plan.pickers.size > 0) this.#start();
    if ([...plan.pickers.values()].includes(undefined)) this.#forgetStrangers();
  }

  /** The table was read back, and repaired with `commands`: its maps may be others, and whose turn it is nobody knows. */
  reread({ pickers }: Programmed, commands: readonly Command[]): void {
    this.#index = undefined;
    this.#isRecountDue = true;
    // Where the rules are new, turns begin with the first.
    const made = new Set(commands.map((command) => command.op === "add rule" && command.rule.chain));
    for (const [name, { picker }] of pickers)
      if (picker.balance === "least-clients") {
        if (made.has(name)) this.ledger.begun(name);
        else this.ledger.lostCount(name);
        this.#dirty.add(groupKey(groupOf(picker)));
      }
    void this.#parts.inOrder(() => this.adopt());
  }

  /** Counts what the maps say, if that has to be done; to be called in order with other readings. */
  async adopt(): Promise<void> {
    this.#start();
    await this.#watching;
    if (this.#isRecountDue && this.#isNeeded()) await this.recount();
  }

  /** How many clients each endpoint has, as counted so far: of each Service and family, and of clients outside apart. */
  read(): ClientCount[] {
    this.hear();
    const groups = new Map<string, ClientCount[]>();
    for (const port of this.#parts.programmed()?.ports.values() ?? [])
      for (const choice of [port.all, port.external]) {
        const picker = leastClients(choice);
        if (choice === undefined || picker === undefined) continue;
        const counts = this.ledger.counts(groupOf(picker));
        const each = Array.from(choice.names, ([endpoint, name]) => ({
          service: picker.port!.name,
          external: picker.external,
          endpoint: formatIp(ipFromBytes(latin1Bytes(addressOf(endpoint)))),
          clients: counts.get(name) ?? 0,
        }));
        groups.set(groupKey(groupOf(picker)), each);
      }
    return [...groups.values()].flat();
  }

  /** Counts all clients from the maps, and arranges the turns of new ones by that. */
  async count(): Promise<void> {
    this.hear();
    await this.#parts.inOrder(() => this.recount());
  }

  /** Resolves when new clients are heard. */
  async ready(): Promise<void> {
    if (this.#watching === undefined || this.#isTold) return;
    await this.#watching;
    // Whoever came before that is in the maps.
    if (this.#isRecountDue) await this.#parts.inOrder(() => this.adopt());
  }

  /** The table was removed, and all that it remembered. */
  cleared(): void {
    this.#index = undefined;
    this.ledger.clear();
  }

  /** Forgets clients, by address (one character for a byte): when they come again, they are new. */
  forget(addresses: Iterable<string>): void {
    for (const address of addresses) for (const one of this.ledger.of(address)) this.#forget(one);
    this.#soon();
  }

  /** Takes in who came so far: before anything that depends on the counts is planned. */
  hear(): void {
    if (!this.#closed) this.#watch?.hear();
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    clearTimeout(this.#rewrite);
    clearInterval(this.#sweep);
    void this.#watching?.then((watch) => watch?.[Symbol.dispose]());
  }

  #isNeeded(): boolean {
    for (const { picker } of this.#parts.programmed()?.pickers.values() ?? [])
      if (picker.balance === "least-clients") return true;
    return false;
  }

  /** Nothing is listened to, and no timer runs, before there is a Service that needs it. */
  #start(): void {
    if (this.#closed || this.#sweep !== undefined || !this.#isNeeded()) return;
    this.#sweep = setInterval(() => this.#look(), SWEEP_INTERVAL).unref();
    this.#watching ??= this.#openWatch();
  }

  async #openWatch(): Promise<NewClientWatch | undefined> {
    const { watch, log } = this.#parts;
    if (watch === undefined) return undefined;
    try {
      const opened = await watch({
        onClients: (clients) => this.#hear(clients),
        onLost: () => (this.#isRecountDue = true),
      });
      this.#isRecountDue = this.#isTold = true;
      if (this.#closed) opened[Symbol.dispose]();
      else this.#watch = opened;
      return opened;
    } catch (err) {
      log.warn(
        { err, interval: RECOUNT_INTERVAL.untold },
        "new clients are not told, so they are counted again and again: is nfnetlink_log there, and its group not another's?",
      );
      return undefined;
    }
  }

  #hear(clients: readonly NewClient[]): void {
    const index = this.#indexed();
    if (index === undefined) {
      this.#isRecountDue = true;
      return;
    }
    const now = performance.now();
    for (const { client, destination, turn } of clients) {
      const port = index.byDestination.get(destination) ?? index.byDestination.get(anyAddress(destination));
      const choice = turn < EXTERNAL_SLOTS ? port?.all : port?.external;
      const picker = leastClients(choice);
      // Of a port that is no more: its chain is gone, and the client is found when all are counted.
      if (choice === undefined || picker === undefined) continue;
      const group = groupOf(picker);
      const at = turn < EXTERNAL_SLOTS ? turn : turn - EXTERNAL_SLOTS;
      const name = this.#nameOf(choice, picker, at, { ...group, client });
      // Gone again.
      if (name === undefined) continue;
      this.ledger.put({ ...group, client, name, until: now + picker.affinity! * 1000 });
      this.ledger.turned(picker, at);
      this.#dirty.add(groupKey(group));
      this.#touched?.add(clientKey({ ...group, client }));
    }
    this.#soon();
  }

  /** The endpoint of the client that had this turn. */
  #nameOf({ ring }: ProgrammedChoice, picker: Picker, turn: number, who: WhichClient): number | undefined {
    const rewritten = this.#rewritten.get(pickerName(picker)) ?? -Infinity;
    // It may have had the turn before that was made another's: only the kernel knows.
    const isSure = performance.now() - rewritten > UNSURE;
    if (isSure && ring?.[turn] !== undefined) return ring[turn];
    return this.#maps.get(who)?.name;
  }

  #indexed(): Index | undefined {
    if (this.#index !== undefined) return this.#index;
    const programmed = this.#parts.programmed();
    if (programmed === undefined) return undefined;
    const byDestination = new Map<string, ProgrammedPort>();
    const byGroup = new Map<string, Place[]>();
    for (const [key, port] of programmed.ports)
      for (const choice of [port.all, port.external]) {
        const picker = leastClients(choice);
        if (picker === undefined) continue;
        const place = { key, port };
        byDestination.set(latin1(port.key), port);
        const group = groupKey(groupOf(picker));
        const places = byGroup.get(group);
        if (places === undefined) byGroup.set(group, [place]);
        else places.push(place);
      }
    return (this.#index = { byDestination, byGroup });
  }

  #soon(): void {
    if (this.#rewrite !== undefined || this.#closed || this.#dirty.size === 0) return;
    const wait = this.#lastRewrite + REWRITE_INTERVAL - performance.now();
    this.#rewrite = setTimeout(
      () => {
        this.#rewrite = undefined;
        this.#rewriteRings();
      },
      Math.max(0, wait),
    ).unref();
  }

  /** One commit for all that changed, or none. */
  #rewriteRings(): void {
    this.hear();
    const programmed = this.#parts.programmed();
    const index = this.#indexed();
    // Whoever is at work reads all of it back, and then counts.
    if (this.#closed || programmed === undefined || index === undefined) return;
    const places = new Map<VirtualPortKey, ProgrammedPort>();
    for (const group of this.#dirty)
      for (const { key, port } of index.byGroup.get(group) ?? []) places.set(key, port);
    this.#dirty.clear();
    const turns = this.#newTurns(places);
    this.#lastRewrite = performance.now();
    if (turns.ports.size === 0 && turns.restart.length === 0) return;
    this.#index = undefined;
    this.#parts.commit(planTurns(programmed, turns));
    this.#unsure(turns.ports.values());
  }

  /** The rings of these ports were rewritten just now. */
  #unsure(ports: Iterable<ProgrammedPort | undefined>): void {
    const now = performance.now();
    for (const port of ports)
      for (const choice of [port?.all, port?.external]) {
        const picker = leastClients(choice);
        if (picker !== undefined) this.#rewritten.set(pickerName(picker), now);
      }
  }

  #newTurns(places: ReadonlyMap<VirtualPortKey, ProgrammedPort>): NewTurns {
    const restart = new Map<string, Picker>();
    for (const port of places.values())
      for (const choice of [port.all, port.external]) {
        const picker = leastClients(choice);
        if (picker !== undefined && this.ledger.mustRestart(picker, sharesOf(choice!), choice!.ring!))
          restart.set(pickerName(picker), picker);
      }
    for (const name of restart.keys()) this.ledger.begun(name);
    const ports = new Map<VirtualPortKey, ProgrammedPort>();
    for (const [key, port] of places) {
      const all = this.#withTurns(port.all);
      const external = port.external === undefined ? undefined : this.#withTurns(port.external);
      if (all !== port.all || external !== port.external) ports.set(key, { ...port, all, external });
    }
    return { ports, restart: [...restart.values()] };
  }

  #withTurns(choice: ProgrammedChoice): ProgrammedChoice {
    const picker = leastClients(choice);
    if (picker === undefined) return choice;
    const ring = this.ledger.ring(picker, sharesOf(choice), choice.ring ?? []);
    return ring === choice.ring ? choice : { ...choice, ring };
  }

  #look(): void {
    if (!this.#isNeeded()) return;
    const { told, untold } = RECOUNT_INTERVAL;
    const interval = this.#isTold ? told : untold;
    if (this.#isRecountDue || performance.now() - this.#lastRecount >= interval)
      void this.#parts.inOrder(() => this.recount());
    else this.#sweepGone();
  }

  /** Whether they came again is only known in the kernel. */
  #sweepGone(): void {
    if (this.#closed) return;
    const now = performance.now();
    try {
      const due = this.ledger.due(now, SWEEP_LIMIT);
      if (due.length === SWEEP_LIMIT) setImmediate(() => this.#sweepGone());
      for (const one of due) {
        const kept = this.#maps.get(one);
        if (kept === undefined) this.#gone(one);
        else this.ledger.renew(one, one.client, now + kept.expiration);
      }
    } catch (err) {
      this.#isRecountDue = true;
      this.#parts.log.warn({ err }, "clients whose time may be over cannot be read");
    }
    this.#soon();
  }

  #gone(one: RememberedClient): void {
    this.ledger.remove(one, one.client);
    this.#dirty.add(groupKey(one));
    this.#touched?.add(clientKey(one));
  }

  #forget(one: RememberedClient): void {
    this.#maps.delete(one.version, [one]);
    this.#gone(one);
  }

  /** Clients of Services that are no more, have no endpoint or choose otherwise now: nothing would forget them but time. */
  #forgetStrangers(): void {
    const index = this.#indexed();
    if (this.#closed || index === undefined) return;
    const strangers = this.ledger.strangers(index.byGroup, FORGET_LIMIT);
    if (strangers.length === 0) return;
    for (const version of [4, 6] as const) {
      const clients = strangers.filter((one) => one.version === version);
      if (clients.length > 0 && !this.#maps.delete(version, clients))
        for (const one of clients) this.#maps.delete(version, [one]);
    }
    for (const one of strangers) this.#gone(one);
    setImmediate(() => this.#forgetStrangers());
  }

  /** Makes the picture anew from the maps, over many turns of the event loop. */
  async recount(): Promise<void> {
    if (this.#closed) return;
    this.#isRecountDue = false;
    this.#lastRecount = performance.now();
    const found = new Map<string, RememberedClient>();
    const touched = (this.#touched = new Set());
    try {
      for (const version of [4, 6] as const) await this.#readClients(version, found);
    } catch (err) {
      if (this.#closed) return;
      this.#isRecountDue = true;
      this.#parts.log.warn({ err }, "clients cannot be counted");
      return;
    } finally {
      this.#touched = undefined;
    }
    let changed = 0;
    // Taking one out of a Map that is gone through is no harm.
    for (const one of this.ledger.entries()) {
      const key = clientKey(one);
      const same = found.get(key);
      if (same?.name === one.name) {
        this.ledger.put(same);
        found.delete(key);
      } else if (!touched.has(key) && !found.has(key)) {
        this.ledger.remove(one, one.client);
        this.#dirty.add(groupKey(one));
        changed++;
      }
    }
    for (const [key, one] of found)
      if (!touched.has(key)) {
        this.ledger.put(one);
        this.#dirty.add(groupKey(one));
        changed++;
      }
    this.ledger.schedule();
    if (changed > 0) this.#parts.log.debug({ changed }, "counted clients");
    // Turns that were not told have been given, too.
    if (changed > 0)
      for (const [name, { picker }] of this.#parts.programmed()?.pickers ?? [])
        if (picker.balance === "least-clients" && this.#dirty.has(groupKey(groupOf(picker))))
          this.ledger.lostCount(name);
    this.#forgetStrangers();
    this.#rewriteRings();
  }

  async #readClients(version: IpVersion, into: Map<string, RememberedClient>): Promise<void> {
    const now = performance.now();
    await this.#maps.visit(version, (which, { name, expiration }) => {
      if (this.#closed) throw new Error("closed while clients were counted");
      into.set(clientKey(which), { ...which, name, until: now + expiration });
    });
  }
}

function leastClients(choice: ProgrammedChoice | undefined): Picker | undefined {
  return typeof choice?.picker === "object" && choice.picker.balance === "least-clients"
    ? choice.picker
    : undefined;
}

/** The same port of any address of this node. */
function anyAddress(destination: string): string {
  const length = destination.length - 8;
  return "\0".repeat(length) + destination.slice(length);
}

function clientKey({ version, number, client }: WhichClient): string {
  return `${version}${client}${number}`;
}
