/** Descriptors from one process to another, through a socket in the file system: unix(7), SCM_RIGHTS. */
import { NativeArena } from "./arena.ts";
import * as libc from "./libc.ts";
import { EAGAIN, ENAMETOOLONG, SystemError } from "./system-error.ts";

/** The most descriptors of one message (SCM_MAX_FD of net/scm.h). */
const MAX_DESCRIPTORS = 253;
/** The longest message: below what a socket's buffer takes at once (net.core.wmem_default, 208 KiB). */
const MAX_MESSAGE_BYTES = 128 * 1024;

const SOCK_SEQPACKET = 5;
const SCM_RIGHTS = 1;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const TYPE = SOCK_SEQPACKET | libc.SOCK_NONBLOCK | libc.SOCK_CLOEXEC;

/** cmsghdr: length u64, level i32, type i32. */
const CONTROL_HEADER = 16;
/** Of sun_path, with the zero at its end. */
const PATH_BYTES = 108;

export interface DescriptorMessage {
  readonly bytes: Uint8Array;
  /** The receiver's from now on. */
  readonly descriptors: readonly number[];
}

/** Listens at `path`, for this user only: the descriptor. Throws SystemError (EADDRINUSE if the file is there). */
export function listenUnix(path: string): number {
  const fd = libc.socket(libc.AF_UNIX, TYPE, 0);
  const mask = process.umask(0o177);
  try {
    libc.bind(fd, unixAddress(path));
    libc.listen(fd, 16);
  } catch (error) {
    libc.close(fd);
    throw error;
  } finally {
    process.umask(mask);
  }
  return fd;
}

/** The next connection; undefined if there is none at the moment. Throws SystemError. */
export function acceptUnix(listener: number): number | undefined {
  const fd = libc.accept(listener, libc.SOCK_NONBLOCK | libc.SOCK_CLOEXEC);
  if (fd === -EAGAIN) return undefined;
  if (fd < 0) throw new SystemError("accept4", -fd, [listener]);
  return fd;
}

/** A connection to who listens at `path`. Throws SystemError: ENOENT or ECONNREFUSED if nobody does. */
export function connectUnix(path: string): number {
  const fd = libc.socket(libc.AF_UNIX, TYPE, 0);
  const result = libc.connect(fd, unixAddress(path));
  if (result === 0) return fd;
  libc.close(fd);
  throw new SystemError("connect", -result, [path]);
}

/** Sends a message whole, of at most 253 descriptors and 128 KiB. Both ends have the descriptors then. Throws SystemError, EAGAIN if earlier ones wait to be read. */
export function sendDescriptors(fd: number, { bytes, descriptors }: DescriptorMessage): void {
  using arena = new NativeArena();
  const control = arena.alloc(CONTROL_HEADER + descriptors.length * 4);
  const fields = new DataView(control.buffer);
  fields.setUint32(0, control.length, true);
  fields.setInt32(8, libc.SOL_SOCKET, true);
  fields.setInt32(12, SCM_RIGHTS, true);
  for (const [i, descriptor] of descriptors.entries())
    fields.setInt32(CONTROL_HEADER + i * 4, descriptor, true);
  const header = messageHeader(arena, arena.copy(bytes), descriptors.length > 0 ? control : undefined);
  const sent = libc.sendMessage(fd, header, MSG_NOSIGNAL);
  if (sent < 0) throw new SystemError("sendmsg", -sent, [fd, descriptors]);
}

/** The next message; "end" if the other side has closed, undefined if there is none at the moment. Throws SystemError. */
export function receiveDescriptors(fd: number): DescriptorMessage | "end" | undefined {
  using arena = new NativeArena();
  const data = arena.alloc(MAX_MESSAGE_BYTES);
  const control = arena.alloc(CONTROL_HEADER + MAX_DESCRIPTORS * 4);
  const header = messageHeader(arena, data, control);
  const length = libc.receiveMessage(fd, header, MSG_CMSG_CLOEXEC);
  if (length === -EAGAIN) return undefined;
  if (length < 0) throw new SystemError("recvmsg", -length, [fd]);
  if (length === 0) return "end";
  const controlLength = new DataView(header.buffer).getUint32(40, true);
  const fields = new DataView(control.buffer);
  const descriptors: number[] = [];
  const end = controlLength === 0 ? 0 : fields.getUint32(0, true);
  for (let at = CONTROL_HEADER; at < end; at += 4) descriptors.push(fields.getInt32(at, true));
  return { bytes: data.slice(0, length), descriptors };
}

/** struct msghdr with one piece of data, on 64-bit machines. */
function messageHeader(arena: NativeArena, data: Uint8Array, control: Uint8Array | undefined): Uint8Array {
  const vector = arena.alloc(16);
  const vectorFields = new DataView(vector.buffer);
  vectorFields.setBigUint64(0, arena.address(data), true);
  vectorFields.setUint32(8, data.length, true);
  const header = arena.alloc(56);
  const fields = new DataView(header.buffer);
  fields.setBigUint64(16, arena.address(vector), true);
  fields.setUint32(24, 1, true);
  if (control !== undefined) {
    fields.setBigUint64(32, arena.address(control), true);
    fields.setUint32(40, control.length, true);
  }
  return header;
}

/** struct sockaddr_un. */
function unixAddress(path: string): Uint8Array {
  const text = Buffer.from(`${path}\0`);
  if (text.length > PATH_BYTES) throw new SystemError("bind", ENAMETOOLONG, [path]);
  const bytes = new Uint8Array(2 + text.length);
  bytes[0] = libc.AF_UNIX;
  bytes.set(text, 2);
  return bytes;
}
