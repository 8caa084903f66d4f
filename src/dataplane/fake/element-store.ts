/** The elements of one set or map: exact keys, or the borders of intervals as nft_set_rbtree keeps them. */
import type { SetElement } from "../../net/nftables/model.ts";

/** -1, 0 or 1, as memcmp. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Math.sign(Buffer.compare(a, b));
}

export class ElementStore {
  readonly #interval: boolean;
  readonly #elements = new Map<string, SetElement>();
  /** Borders by key, an end before a start with the same key; made when an interval set is looked into. */
  #borders: readonly SetElement[] | undefined;
  /** The start that this batch deleted last, until it adds something (start_rbe_cookie of nft_set_rbtree.c). */
  #openStart: SetElement | undefined;
  /** What this batch deleted: the kernel's tree keeps it until the commit. */
  #deleted: SetElement[] = [];

  constructor(interval: boolean) {
    this.#interval = interval;
  }

  get size(): number {
    return this.#elements.size;
  }

  /** In the order of a dump: intervals come from the last one to the first, each with its end before its start. */
  values(): Iterable<SetElement> {
    return this.#interval ? this.#sorted().toReversed() : this.#elements.values();
  }

  #id({ key, intervalEnd }: SetElement): string {
    return `${Buffer.from(key).toString("latin1")}${intervalEnd === true ? "e" : "s"}`;
  }

  /** The element itself, as a set that is not looked into but changed finds it. */
  get(element: SetElement): SetElement | undefined {
    return this.#elements.get(this.#id(element));
  }

  put(element: SetElement): void {
    this.#elements.set(this.#id(element), element);
    this.#borders = undefined;
    this.#openStart = undefined;
  }

  /** Deletes what {@link mayRemove}. */
  remove(element: SetElement): void {
    if (this.#interval) {
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

  /** What a packet's key finds: its element, or the start of the interval that it is in. */
  lookup(key: Uint8Array): SetElement | undefined {
    if (!this.#interval) return this.get({ key });
    const sorted = this.#sorted();
    const border = sorted[firstIndex(sorted, (other) => compareBytes(other.key, key) > 0) - 1];
    return border?.intervalEnd === true ? undefined : border;
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
    this.#borders ??= [...this.#elements.values()].sort(
      (a, b) => compareBytes(a.key, b.key) || rank(a) - rank(b),
    );
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
