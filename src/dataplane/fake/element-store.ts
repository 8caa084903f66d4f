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

  constructor(interval: boolean) {
    this.#interval = interval;
  }

  get size(): number {
    return this.#elements.size;
  }

  values(): Iterable<SetElement> {
    return this.#elements.values();
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
  }

  remove(element: SetElement): void {
    this.#elements.delete(this.#id(element));
    this.#borders = undefined;
  }

  /** What a packet's key finds: its element, or the start of the interval that it is in. */
  lookup(key: Uint8Array): SetElement | undefined {
    if (!this.#interval) return this.get({ key });
    const [border] = this.bordersAround(key);
    return border?.intervalEnd === true ? undefined : border;
  }

  /** The last border at or before `key` (a start, in whose interval the key is, or an end), and the one after it. */
  bordersAround(key: Uint8Array): [SetElement | undefined, SetElement | undefined] {
    const borders = this.#sorted();
    let low = 0;
    let high = borders.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareBytes(borders[middle]!.key, key) <= 0) low = middle + 1;
      else high = middle;
    }
    return [borders[low - 1], borders[low]];
  }

  #sorted(): readonly SetElement[] {
    const rank = (element: SetElement): number => (element.intervalEnd === true ? 0 : 1);
    this.#borders ??= [...this.#elements.values()].sort(
      (a, b) => compareBytes(a.key, b.key) || rank(a) - rank(b),
    );
    return this.#borders;
  }
}
