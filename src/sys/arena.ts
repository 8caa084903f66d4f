/** Memory whose address the kernel or another struct keeps. */
import koffi from "koffi";

/**
 * V8 may keep the bytes of small typed arrays on its moving heap, where an address is good for nothing;
 * above this many bytes they are outside of it and stay where they are.
 */
const MIN_BYTES = 128;

/**
 * Owns buffers whose addresses are stored in native memory (a msghdr's iovec, a bpf_attr's pointer).
 *
 * An address alone does not keep its buffer alive: the collector frees the memory and the kernel goes on using it.
 * So what has an address lives in an arena, and the arena lives as long as the address is used.
 */
export class NativeArena implements Disposable {
  readonly #pinned = new Set<Uint8Array>();

  /** `bytes` zero bytes that stay where they are until the arena is disposed. */
  alloc(bytes: number): Uint8Array {
    const buffer = new Uint8Array(new ArrayBuffer(Math.max(bytes, MIN_BYTES)), 0, bytes);
    this.#pinned.add(buffer);
    return buffer;
  }

  /** A copy of `bytes` in the arena. */
  copy(bytes: Uint8Array): Uint8Array {
    const buffer = this.alloc(bytes.length);
    buffer.set(bytes);
    return buffer;
  }

  /** Where `buffer` is in memory. Throws if it is not of this arena, because then nothing would keep it there. */
  address(buffer: Uint8Array): bigint {
    if (!this.#pinned.has(buffer))
      throw new Error("only memory that the arena owns has an address that lasts");
    return koffi.address(buffer);
  }

  [Symbol.dispose](): void {
    this.#pinned.clear();
  }
}
