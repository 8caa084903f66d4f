/**
 * The C library, typed: the only file that declares foreign functions.
 *
 * Every function here either returns what the call returns or throws SystemError with the errno, read before anything
 * else can change it. `send`, `receive` and `connect` are for hot paths where errors are expected answers: they
 * return the negative errno instead of throwing.
 *
 * A typed array passed to a call is used in place and must only live until the call returns; memory whose address
 * the kernel keeps goes into a NativeArena.
 */
import koffi from "koffi";
import { SystemError } from "./system-error.ts";

/** The symbols of the running process: whatever C library node itself uses, glibc or musl. */
const libc = koffi.load(null);

type Native<A extends unknown[]> = (...args: A) => number;
const declare = <A extends unknown[]>(definition: string): Native<A> => libc.func(definition) as Native<A>;

const native = {
  socket: declare<[number, number, number]>("int socket(int domain, int type, int protocol)"),
  bind: declare<[number, Uint8Array, number]>("int bind(int fd, const void *address, uint32_t length)"),
  connect: declare<[number, Uint8Array, number]>("int connect(int fd, const void *address, uint32_t length)"),
  setsockopt: declare<[number, number, number, Uint8Array, number]>(
    "int setsockopt(int fd, int level, int option, const void *value, uint32_t length)",
  ),
  getsockopt: declare<[number, number, number, Uint8Array, Uint8Array]>(
    "int getsockopt(int fd, int level, int option, void *value, void *length)",
  ),
  send: declare<[number, Uint8Array, number, number]>(
    "long send(int fd, const void *data, size_t length, int flags)",
  ),
  recv: declare<[number, Uint8Array, number, number]>(
    "long recv(int fd, void *buffer, size_t length, int flags)",
  ),
  listen: declare<[number, number]>("int listen(int fd, int backlog)"),
  accept4: declare<[number, Uint8Array | null, Uint8Array | null, number]>(
    "int accept4(int fd, void *address, void *length, int flags)",
  ),
  getsockname: declare<[number, Uint8Array, Uint8Array]>(
    "int getsockname(int fd, void *address, void *length)",
  ),
  shutdown: declare<[number, number]>("int shutdown(int fd, int how)"),
  sendmsg: declare<[number, Uint8Array, number]>("long sendmsg(int fd, const void *message, int flags)"),
  recvmsg: declare<[number, Uint8Array, number]>("long recvmsg(int fd, void *message, int flags)"),
  epollCreate: declare<[number]>("int epoll_create1(int flags)"),
  epollControl: declare<[number, number, number, Uint8Array | null]>(
    "int epoll_ctl(int epoll, int operation, int fd, void *event)",
  ),
  epollWait: declare<[number, Uint8Array, number, number]>(
    "int epoll_wait(int epoll, void *events, int most, int timeout)",
  ),
  close: declare<[number]>("int close(int fd)"),
  setns: declare<[number, number]>("int setns(int fd, int type)"),
  unshare: declare<[number]>("int unshare(int flags)"),
  mount: declare<[string, string, string, number, null]>(
    "int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data)",
  ),
  umount2: declare<[string, number]>("int umount2(const char *target, int flags)"),
  syscall: declare<[number, number, number]>("long syscall(long number, long first, long second)"),
};

function check(call: string, result: number, args: readonly unknown[]): number {
  if (result >= 0) return result;
  throw new SystemError(call, koffi.errno(), args);
}

export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const AF_UNIX = 1;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0x800;
export const SOCK_CLOEXEC = 0x80000;
export const SOL_SOCKET = 1;
export const SO_ERROR = 4;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
export const CLONE_NEWNET = 0x40000000;
export const MS_BIND = 0x1000;
export const MS_REC = 0x4000;
export const MS_SHARED = 0x100000;
export const MNT_DETACH = 2;

/** socket(2): the new descriptor. */
export function socket(domain: number, type: number, protocol: number): number {
  return check("socket", native.socket(domain, type, protocol), [domain, type, protocol]);
}

/** bind(2); `address` is a struct sockaddr of some family. */
export function bind(fd: number, address: Uint8Array): void {
  check("bind", native.bind(fd, address, address.length), [fd, address]);
}

/** connect(2): 0, or the negative errno (-EINPROGRESS on a non-blocking socket). */
export function connect(fd: number, address: Uint8Array): number {
  const result = native.connect(fd, address, address.length);
  return result < 0 ? -koffi.errno() : result;
}

/** setsockopt(2) with an int value. */
export function setSocketOption(fd: number, level: number, option: number, value: number): void {
  const bytes = new Uint8Array(Int32Array.of(value).buffer);
  check("setsockopt", native.setsockopt(fd, level, option, bytes, 4), [fd, level, option, value]);
}

/** getsockopt(2) of an int value. */
export function getSocketOption(fd: number, level: number, option: number): number {
  const value = new Int32Array(1);
  const length = Uint8Array.of(4, 0, 0, 0);
  const result = native.getsockopt(fd, level, option, new Uint8Array(value.buffer), length);
  check("getsockopt", result, [fd, level, option]);
  return value[0]!;
}

/** send(2): how many bytes were taken, or the negative errno. */
export function send(fd: number, data: Uint8Array, flags: number): number {
  const sent = native.send(fd, data, data.length, flags);
  return sent < 0 ? -koffi.errno() : sent;
}

/** recv(2) into `buffer`: how many bytes came (more than fit, with MSG_TRUNC), or the negative errno. */
export function receive(fd: number, buffer: Uint8Array, flags: number): number {
  const received = native.recv(fd, buffer, buffer.length, flags);
  return received < 0 ? -koffi.errno() : received;
}

/** The first `length` bytes of `data`, as {@link send}: a view of a part costs as much as the call. */
export function sendPart(fd: number, data: Uint8Array, length: number, flags: number): number {
  const sent = native.send(fd, data, length, flags);
  return sent < 0 ? -koffi.errno() : sent;
}

/** sendmsg(2): how many bytes were taken, or the negative errno. `message` is a struct msghdr. */
export function sendMessage(fd: number, message: Uint8Array, flags: number): number {
  const sent = native.sendmsg(fd, message, flags);
  return sent < 0 ? -koffi.errno() : sent;
}

/** recvmsg(2): how many bytes came, or the negative errno. `message` is a struct msghdr. */
export function receiveMessage(fd: number, message: Uint8Array, flags: number): number {
  const received = native.recvmsg(fd, message, flags);
  return received < 0 ? -koffi.errno() : received;
}

export function listen(fd: number, backlog: number): void {
  check("listen", native.listen(fd, backlog), [fd, backlog]);
}

/** accept4(2): the new descriptor, or the negative errno. The peer's address is written to `address`, if given. */
export function accept(fd: number, flags: number, address?: SocketAddressBuffer): number {
  const length = address === undefined ? null : address.length;
  length?.set(ADDRESS_LENGTH);
  const accepted = native.accept4(fd, address?.bytes ?? null, length, flags);
  return accepted < 0 ? -koffi.errno() : accepted;
}

/** getsockname(2), into `address`. */
export function getSocketName(fd: number, address: SocketAddressBuffer): void {
  address.length.set(ADDRESS_LENGTH);
  check("getsockname", native.getsockname(fd, address.bytes, address.length), [fd]);
}

/** Where the kernel writes a struct sockaddr_in or sockaddr_in6, and its length. */
export interface SocketAddressBuffer {
  readonly bytes: Uint8Array;
  readonly length: Uint8Array;
}

/** sizeof(struct sockaddr_in6), as bytes of a number: enough for both families. */
const ADDRESS_LENGTH = new Uint8Array(Uint32Array.of(28).buffer);

/** shutdown(2): 0, or the negative errno (-ENOTCONN where the other side has gone). */
export function shutdown(fd: number, how: number): number {
  return native.shutdown(fd, how) < 0 ? -koffi.errno() : 0;
}

/** setsockopt(2) with a value that is no int. */
export function setSocketOptionBytes(fd: number, level: number, option: number, value: Uint8Array): void {
  check("setsockopt", native.setsockopt(fd, level, option, value, value.length), [fd, level, option, value]);
}

export function epollCreate(): number {
  return check("epoll_create1", native.epollCreate(SOCK_CLOEXEC), []);
}

/** epoll_ctl(2); `event` is a struct epoll_event. */
export function epollControl(epoll: number, operation: number, fd: number, event: Uint8Array | null): void {
  check("epoll_ctl", native.epollControl(epoll, operation, fd, event), [epoll, operation, fd]);
}

/** epoll_wait(2) without waiting: how many of at most `most` events were written to `events`, or the negative errno. */
export function epollWait(epoll: number, events: Uint8Array, most: number): number {
  const count = native.epollWait(epoll, events, most, 0);
  return count < 0 ? -koffi.errno() : count;
}

export function close(fd: number): void {
  check("close", native.close(fd), [fd]);
}

/** setns(2): moves the CALLING THREAD into the namespace that `fd` refers to. */
export function setns(fd: number, type: number): void {
  check("setns", native.setns(fd, type), [fd, type]);
}

/** unshare(2): gives the CALLING THREAD new namespaces. */
export function unshare(flags: number): void {
  check("unshare", native.unshare(flags), [flags]);
}

export function mount(source: string, target: string, type: string, flags: number): void {
  check("mount", native.mount(source, target, type, flags, null), [source, target, type, flags]);
}

export function umount(target: string, flags: number): void {
  check("umount2", native.umount2(target, flags), [target, flags]);
}

/** pidfd_open has number 434 on every architecture (it is newer than the common table of Linux 5.1). */
const SYS_PIDFD_OPEN = 434;

/** pidfd_open(2): a descriptor that becomes readable when the process has ended. Throws ESRCH if there is none. */
export function openPid(pid: number): number {
  return check("pidfd_open", native.syscall(SYS_PIDFD_OPEN, pid, 0), [pid]);
}
