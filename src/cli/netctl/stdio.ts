/** What a command line has around it; `process` is one. */
import type { Readable, Writable } from "node:stream";
import { jsonText } from "./printable.ts";

export interface Stdio {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** As Contiv prints what it inspects. */
export function writeJson({ stdout }: Pick<Stdio, "stdout">, value: unknown): void {
  stdout.write(`${jsonText(value, 2)}\n`);
}
