/** Splits a stream of bytes into lines, however it was cut into chunks: a watch is one JSON value a line. */

const NEWLINE = 0x0a;

export class LineSplitter {
  /** Of the line that has not ended yet. Joined once, when it ends, so that a long line costs its length only. */
  #pending: Uint8Array[] = [];

  /** The lines that `chunk` completes, without their ends. Empty lines are left out. */
  push(chunk: Uint8Array): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = this.#take(chunk.subarray(start, end));
      if (line !== "" && line !== "\r") lines.push(line);
      start = end + 1;
    }
    if (start < chunk.length) this.#pending.push(chunk.subarray(start));
    return lines;
  }

  /** What is left when the stream has ended: a line that was cut off, or "". */
  rest(): string {
    return this.#take(new Uint8Array(0));
  }

  /** Decoded only when whole: a character may be cut by a chunk's end. */
  #take(last: Uint8Array): string {
    const bytes = this.#pending.length === 0 ? last : Buffer.concat([...this.#pending, last]);
    this.#pending = [];
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  }
}
