/** Gathers small pieces of an answer into ones that are worth a write. */

/** Bytes. Larger ones only make the first wait longer: TLS cuts them into records of 16 KiB. */
const SIZE = 128 * 1024;

const EMPTY = Buffer.alloc(0);

export class PieceBuffer {
  readonly #size: number;
  #bytes = EMPTY;
  #length = 0;

  /** `size` is what is worth a write, bytes. @default 128 KiB */
  constructor(size: number = SIZE) {
    this.#size = size;
  }

  /** Whether there is enough for a write. */
  get isFull(): boolean {
    return this.#length >= this.#size - 4096;
  }

  /** The bytes of `from` in this range. */
  part(from: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    // Cheaper than a view of the range that lives for one call.
    this.#length += Buffer.prototype.copy.call(from, this.#bytes, this.#length, start, end);
  }

  /** In UTF-8. */
  text(piece: string): void {
    // A UTF-16 code unit is at most three bytes.
    this.#reserve(piece.length * 3);
    this.#length += this.#bytes.write(piece, this.#length);
  }

  /** What was gathered; it is the taker's. */
  take(): Uint8Array {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = EMPTY;
    this.#length = 0;
    return taken;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#size, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}
