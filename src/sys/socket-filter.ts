/** Classic BPF on a socket: which messages the kernel gives it at all (socket(7), linux/filter.h). */
import { NativeArena } from "./arena.ts";
import * as libc from "./libc.ts";

const SO_ATTACH_FILTER = 26;
/** struct sock_filter: u16 code, u8 jt, u8 jf, u32 k. */
const INSTRUCTION_BYTES = 8;
/** struct sock_fprog: u16 count, and after padding the address. */
const PROGRAM_BYTES = 16;

/** struct sock_filter. `ifTrue` and `ifFalse`: how many instructions a conditional jump passes over. */
export interface FilterInstruction {
  readonly code: number;
  readonly k: number;
  readonly ifTrue?: number;
  readonly ifFalse?: number;
}

/** Has the kernel drop what `program` gives 0 for. Throws SystemError EINVAL where the program is none. */
export function attachFilter(fd: number, program: readonly FilterInstruction[]): void {
  const isLittle = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
  // The kernel copies the program before the call returns.
  using arena = new NativeArena();
  const bytes = arena.alloc(program.length * INSTRUCTION_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (const [at, { code, k, ifTrue = 0, ifFalse = 0 }] of program.entries()) {
    const offset = at * INSTRUCTION_BYTES;
    view.setUint16(offset, code, isLittle);
    view.setUint8(offset + 2, ifTrue);
    view.setUint8(offset + 3, ifFalse);
    view.setUint32(offset + 4, k, isLittle);
  }
  const value = new Uint8Array(PROGRAM_BYTES);
  const header = new DataView(value.buffer);
  header.setUint16(0, program.length, isLittle);
  header.setBigUint64(8, arena.address(bytes), isLittle);
  libc.setSocketOptionBytes(fd, libc.SOL_SOCKET, SO_ATTACH_FILTER, value);
}
