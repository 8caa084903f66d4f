/**
 * Which client has which endpoint, with least clients, and so how many clients each endpoint has: a picture of the maps that
 * packets write (clientsN), kept by what is told of each change, and made anew from the maps themselves.
 *
 * Counts are of (family, Service, clients inside or outside): a client counts once, whatever ports of the Service it uses.
 * Times are milliseconds of one clock that only grows.
 */
import type { ClientShare, ClientTurns } from "./choice.ts";
import { clientTurns, isEven, isRingOf, ringFrom } from "./client-turns.ts";
import type { Picker } from "./pickers.ts";
import { clientGroup, pickerName, ringLength } from "./pickers.ts";
import type { IpVersion } from "./sets.ts";

/** A Service's clients: `number` is what clientsN's keys have for it, one character for a byte. */
export interface ClientGroup {
  readonly version: IpVersion;
  readonly number: string;
}

/** One client's element of clientsN. */
export interface RememberedClient extends ClientGroup {
  /** Its address, one character for a byte. */
  readonly client: string;
  /** Its endpoint's, as in membersN. */
  readonly name: number;
  /** When it is forgotten if it makes no connection. */
  readonly until: number;
}

interface Known {
  name: number;
  until: number;
}

interface Clients {
  readonly group: ClientGroup;
  readonly clients: Map<string, Known>;
  /** By name; none is 0. */
  readonly counts: Map<number, number>;
}

/** The most turns that are told in another order than given. */
const REORDERED = 4;
/** Clients whose time may be over are looked at a second's worth at a time. */
const SPAN = 1000;

export class ClientLedger implements ClientTurns {
  readonly #groups = new Map<string, Clients>();
  /** The next turn of each chain, by its name, where it is known. */
  readonly #next = new Map<string, number>();
  /** Clients by the span in which they are forgotten, unless they came again. */
  readonly #spans = new Map<number, { readonly group: string; readonly client: string }[]>();

  /** All of it: the maps are gone. */
  clear(): void {
    this.#groups.clear();
    this.#next.clear();
    this.#spans.clear();
  }

  /** As many as there are elements in clientsN, if all was told. */
  get size(): number {
    return [...this.#groups.values()].reduce((sum, { clients }) => sum + clients.size, 0);
  }

  /** How many clients each endpoint has, by name: those that are no endpoints at the moment, too. */
  counts(group: ClientGroup): ReadonlyMap<number, number> {
    return this.#groups.get(groupKey(group))?.counts ?? new Map();
  }

  has({ version, number }: ClientGroup, client: string): boolean {
    return this.#groups.get(groupKey({ version, number }))?.clients.has(client) === true;
  }

  /** The client has this endpoint now, and no longer the one that it had. */
  put({ version, number, client, name, until }: RememberedClient): void {
    const key = groupKey({ version, number });
    let clients = this.#groups.get(key);
    if (clients === undefined) {
      clients = { group: { version, number }, clients: new Map(), counts: new Map() };
      this.#groups.set(key, clients);
    }
    const known = clients.clients.get(client);
    if (known === undefined) {
      clients.clients.set(client, { name, until });
      this.#await(key, client, until);
    } else {
      count(clients.counts, known.name, -1);
      known.name = name;
      known.until = until;
    }
    count(clients.counts, name, 1);
  }

  /** The client is gone. */
  remove({ version, number }: ClientGroup, client: string): void {
    const key = groupKey({ version, number });
    const clients = this.#groups.get(key);
    const known = clients?.clients.get(client);
    if (clients === undefined || known === undefined) return;
    clients.clients.delete(client);
    count(clients.counts, known.name, -1);
    if (clients.clients.size === 0) this.#groups.delete(key);
  }

  /** All that `client` is remembered with. */
  of(client: string): RememberedClient[] {
    return Array.from(this.#groups.values(), ({ group, clients }) => {
      const known = clients.get(client);
      return known === undefined ? [] : [{ ...group, client, ...known }];
    }).flat();
  }

  /** Up to `limit` clients of groups that are not among `groups` (groupKey). */
  strangers(groups: ReadonlyMap<string, unknown>, limit: number): RememberedClient[] {
    const strangers: RememberedClient[] = [];
    for (const [key, { group, clients }] of this.#groups) {
      if (groups.has(key)) continue;
      for (const [client, known] of clients) {
        if (strangers.length === limit) return strangers;
        strangers.push({ ...group, client, ...known });
      }
    }
    return strangers;
  }

  *entries(): Generator<RememberedClient> {
    for (const { group, clients } of this.#groups.values())
      for (const [client, known] of clients) yield { ...group, client, ...known };
  }

  /** Takes out up to `limit` clients whose time was over at `now` by what is known here: the map has the truth. */
  due(now: number, limit: number): RememberedClient[] {
    const due: RememberedClient[] = [];
    for (const [span, waiting] of this.#spans) {
      if ((span + 1) * SPAN > now) continue;
      while (waiting.length > 0 && due.length < limit) {
        const { group, client } = waiting.pop()!;
        const clients = this.#groups.get(group);
        const known = clients?.clients.get(client);
        if (clients === undefined || known === undefined) continue;
        // It has come again meanwhile, as a new client.
        if (known.until >= (span + 1) * SPAN) this.#await(group, client, known.until);
        else due.push({ ...clients.group, client, ...known });
      }
      if (waiting.length > 0) return due;
      this.#spans.delete(span);
    }
    return due;
  }

  /** Puts back one that {@link due} has taken out: it is there until then. */
  renew({ version, number }: ClientGroup, client: string, until: number): void {
    const key = groupKey({ version, number });
    const known = this.#groups.get(key)?.clients.get(client);
    if (known === undefined) return;
    known.until = until;
    this.#await(key, client, until);
  }

  /** When each is looked at again, from what is known now. */
  schedule(): void {
    this.#spans.clear();
    for (const [group, { clients }] of this.#groups)
      for (const [client, { until }] of clients) this.#await(group, client, until);
  }

  #await(group: string, client: string, until: number): void {
    const span = Math.floor(until / SPAN);
    const waiting = this.#spans.get(span);
    if (waiting === undefined) this.#spans.set(span, [{ group, client }]);
    else waiting.push({ group, client });
  }

  /** The chain has given this turn. */
  turned(picker: Picker, turn: number): void {
    const chain = pickerName(picker);
    const length = ringLength(picker.slots);
    const next = this.#next.get(chain);
    const now = (turn + 1) % length;
    // Of packets that come at the same time on several processors, the former may be told last.
    const behind = next === undefined ? 0 : (next - now + length) % length;
    if (behind === 0 || behind > REORDERED || 2 * behind > length) this.#next.set(chain, now);
  }

  /** The chain was made, or made anew: its next turn is the first. */
  begun(chain: string): void {
    this.#next.set(chain, 0);
  }

  /** Which turn is the chain's next is not known, or it is no more. */
  lostCount(chain: string): void {
    this.#next.delete(chain);
  }

  ring(
    picker: Picker,
    shares: readonly ClientShare[],
    current: readonly (number | undefined)[],
  ): readonly number[] {
    const next = this.#next.get(pickerName(picker));
    const length = ringLength(picker.slots);
    const isRing = isRingOf(current, shares, length);
    // One that is not there yet begins with the first.
    if (next === undefined && isRing) return current;
    const ring = ringFrom(clientTurns(shares, this.counts(groupOf(picker)), length), next ?? 0);
    return isRing && ring.every((name, at) => name === current[at]) ? current : ring;
  }

  /** Whether the ring of a chain whose next turn is not known has to be begun anew to be right. */
  mustRestart(picker: Picker, shares: readonly ClientShare[], ring: readonly number[]): boolean {
    if (this.#next.has(pickerName(picker))) return false;
    if (!isEven(ring, shares)) return true;
    const counts = this.counts(groupOf(picker));
    const of = ({ name }: ClientShare): number => counts.get(name) ?? 0;
    const [first] = shares;
    return first !== undefined && shares.some((one) => of(one) * first.weight !== of(first) * one.weight);
  }
}

/** Whose clients a picker's are. */
export function groupOf({ port, external }: Picker): ClientGroup {
  return { version: port!.version, number: groupNumber(clientGroup(port!.name, external)) };
}

/** As in keys: two numbers in host order. */
export function groupNumber([high, low]: readonly [number, number]): string {
  let text = "";
  for (const number of [high, low])
    for (let shift = 0; shift < 32; shift += 8) text += String.fromCharCode((number >>> shift) & 0xff);
  return text;
}

export function groupKey({ version, number }: ClientGroup): string {
  return `${version}${number}`;
}

function count(counts: Map<number, number>, name: number, change: 1 | -1): void {
  const sum = (counts.get(name) ?? 0) + change;
  if (sum === 0) counts.delete(name);
  else counts.set(name, sum);
}
