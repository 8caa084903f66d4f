/**
 * The elements of one set or map: exact keys, the borders of intervals as nft_set_rbtree keeps them, or boxes, the
 * intervals of concatenations, as nft_set_pipapo does. Elements whose time is over are gone.
 */
import type { SetDefinition, SetElement } from "../../net/nftables/model.ts";
import { partLengths } from "./value-text.ts";

/** -1, 0 or 1, as memcmp. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Math.sign(Buffer.compare(a, b));
}

/** Milliseconds, from whenever. */
export type Clock = () => number;

interface Kept {
  readonly element: SetElement;
  /** By the clock; undefined: never. */
  readonly expires: number | undefined;
}

export class ElementStore {
  readonly #kind: "exact" | "borders" | "boxes";
  readonly #parts: readonly number[];
  readonly #timeout: number | undefined;
  readonly #now: Clock;
  readonly #elements = new Map<string, Kept>();
  /** Borders by key, an end before a start with the same key; made when an interval set is looked into. */
  #borders: readonly SetElement[] | undefined;
  /** The start that this batch deleted last, until it adds something (start_rbe_cookie of nft_set_rbtree.c). */
  #openStart: SetElement | undefined;
  /** What this batch deleted: the kernel's tree keeps it until the commit. */
  #deleted: SetElement[] = [];

  constructor({ flags, keyTypes, timeout }: SetDefinition, now: Clock) {
    this.#kind = flags.interval !== true ? "exact" : keyTypes.length > 1 ? "boxes" : "borders";
    this.#parts = partLengths(keyTypes);
    this.#timeout = timeout;
    this.#now = now;
  }

  get size(): number {
    this.#forgetExpired();
    return this.#elements.size;
  }

  /** NFTA_SET_COUNT: a pair of borders is one (nft_rbtree_usize). */
  get count(): number {
    return this.#kind === "borders" ? this.size >> 1 : this.size;
  }

  /** In the order of a dump: intervals come from the last one to the first, each with its end before its start. */
  values(): Iterable<SetElement> {
    this.#forgetExpired();
    if (this.#kind === "borders") return this.#sorted().toReversed();
    return [...this.#elements.values()].map((kept) => this.#withExpiration(kept));
  }

  #id({ key, keyEnd, intervalEnd }: SetElement): string {
    const text = Buffer.from(key).toString("latin1");
    if (this.#kind === "boxes") return `${text}-${Buffer.from(keyEnd ?? key).toString("latin1")}`;
    return `${text}${intervalEnd === true ? "e" : "s"}`;
  }

  #forgetExpired(): void {
    const now = this.#now();
    for (const [id, { expires }] of this.#elements)
      if (expires !== undefined && expires <= now) this.#elements.delete(id);
  }

  #withExpiration({ element, expires }: Kept): SetElement {
    return expires === undefined ? element : { ...element, expiration: expires - this.#now() };
  }

  #alive(kept: Kept | undefined): kept is Kept {
    return kept !== undefined && (kept.expires === undefined || kept.expires > this.#now());
  }

  /** The element itself, as a set that is not looked into but changed finds it: with what is left of its time. */
  get(element: SetElement): SetElement | undefined {
    const kept = this.#elements.get(this.#id(element));
    return this.#alive(kept) ? this.#withExpiration(kept) : undefined;
  }

  /** As {@link get}; a box is also found by any key in it (nft_pipapo_deactivate). */
  toDelete(element: SetElement): SetElement | undefined {
    return this.get(element) ?? (this.#kind === "boxes" ? this.lookup(element.key) : undefined);
  }

  put({ expiration, ...element }: SetElement): void {
    const left = expiration ?? element.timeout ?? this.#timeout;
    const id = this.#id(element);
    this.#elements.set(id, { element, expires: left === undefined ? undefined : this.#now() + left });
    this.#borders = undefined;
    this.#openStart = undefined;
  }

  /** Deletes what {@link mayRemove}. */
  remove(element: SetElement): void {
    if (this.#kind === "borders") {
      this.#openStart = element.intervalEnd === true ? undefined : element;
      this.#deleted.push(element);
    }
    this.#elements.delete(this.#id(element));
    this.#borders = undefined;
  }

  /** A new batch begins. (The kernel goes by the clock: what comes in the same jiffy counts as the same batch.) */
  beginBatch(): void {
    this.#openStart = undefined;
    this.#deleted = [];
  }

  /** The end that is deleted after a start must be that start's own, or the kernel does not find it. */
  mayRemove(element: SetElement): boolean {
    const start = this.#openStart;
    if (start === undefined || element.intervalEnd !== true) return true;
    const borders = this.#sorted();
    const previous = borders[borders.indexOf(element) - 1];
    const follows = previous === undefined || compareBytes(previous.key, start.key) <= 0;
    return follows && compareBytes(start.key, element.key) < 0;
  }

  /** What a packet's key finds: its element, the start of the interval that it is in, or the first box around it. */
  lookup(key: Uint8Array): SetElement | undefined {
    if (this.#kind === "exact") return this.get({ key });
    if (this.#kind === "boxes") {
      for (const kept of this.#elements.values())
        if (this.#alive(kept) && this.#isInside(key, kept.element)) return this.#withExpiration(kept);
      return undefined;
    }
    const sorted = this.#sorted();
    const border = sorted[firstIndex(sorted, (other) => compareBytes(other.key, key) > 0) - 1];
    return border?.intervalEnd === true ? undefined : border;
  }

  /** Whether each part of the key is between those of the box's first and last key. */
  #isInside(key: Uint8Array, { key: first, keyEnd: last = first }: SetElement): boolean {
    let at = 0;
    for (const length of this.#parts) {
      const end = at + length;
      const part = key.subarray(at, end);
      if (compareBytes(first.subarray(at, end), part) > 0) return false;
      if (compareBytes(part, last.subarray(at, end)) > 0) return false;
      at += Math.ceil(length / 4) * 4;
    }
    return true;
  }

  /** Whether no part of the box ends before it starts. */
  isBox(element: SetElement): boolean {
    return this.#isInside(element.keyEnd ?? element.key, {
      ...element,
      keyEnd: element.keyEnd ?? element.key,
    })
      ? this.#isInside(element.key, element)
      : false;
  }

  /**
   * The borders on either side of where one with this key would be put: between an end and a start with the key.
   * There is none after it if the nearest one was deleted in this batch, because the kernel looks no further.
   */
  neighbours(key: Uint8Array): [before: SetElement | undefined, after: SetElement | undefined] {
    const sorted = this.#sorted();
    const at = firstIndex(sorted, (other) => {
      const order = compareBytes(other.key, key);
      return order > 0 || (order === 0 && other.intervalEnd !== true);
    });
    const after = sorted[at];
    const isHidden = this.#deleted.some(
      (gone) =>
        compareBytes(gone.key, key) > 0 && (after === undefined || compareBytes(gone.key, after.key) < 0),
    );
    return [sorted[at - 1], isHidden ? undefined : after];
  }

  #sorted(): readonly SetElement[] {
    const rank = (element: SetElement): number => (element.intervalEnd === true ? 0 : 1);
    this.#borders ??= [...this.#elements.values()]
      .map(({ element }) => element)
      .sort((a, b) => compareBytes(a.key, b.key) || rank(a) - rank(b));
    return this.#borders;
  }
}

/** Of a list in which all that are `past` come last: the index of the first, or the length. */
function firstIndex(list: readonly SetElement[], past: (element: SetElement) => boolean): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (past(list[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}
