/** Descriptors of TCP and UDP sockets, non-blocking, for an Epoll. What fails throws SystemError unless it says otherwise. */
import { formatIp, type Ip, ipFromBytes } from "../base/ip.ts";
import * as libc from "./libc.ts";
import { socketAddress } from "./netns-socket.ts";
import { SystemError } from "./system-error.ts";

const IPPROTO_IP = 0;
const IPPROTO_TCP = 6;
const IPPROTO_IPV6 = 41;
const SO_REUSEADDR = 2;
const SO_KEEPALIVE = 9;
const SO_LINGER = 13;
const SO_REUSEPORT = 15;
const TCP_NODELAY = 1;
const TCP_KEEPIDLE = 4;
const IP_PKTINFO = 8;
const IPV6_V6ONLY = 26;
const IPV6_RECVPKTINFO = 49;

/** After how many idle seconds the kernel asks whether the other side is still there. Its own default is 2 hours. */
const KEEPALIVE_SECONDS = 60;
const BACKLOG = 4096;

const FLAGS = libc.SOCK_NONBLOCK | libc.SOCK_CLOEXEC;
/** struct linger: on, 0 seconds. Closing sends a reset and forgets what was not sent. */
const RESET_ON_CLOSE = new Uint8Array(Int32Array.of(1, 0).buffer);

const domainOf = ({ family }: Ip): number => (family === 4 ? libc.AF_INET : libc.AF_INET6);

export interface BindOptions {
  /** Lets sockets of this user share address and port, if all of them say so. @default {false} */
  readonly reusePort?: boolean;
}

/** Listens for TCP connections. Accepted sockets inherit what is set here: no delay, keep-alive. */
export function openTcpListener(address: Ip, port: number, options: BindOptions = {}): number {
  return opened(libc.socket(domainOf(address), libc.SOCK_STREAM | FLAGS, 0), (fd) => {
    libc.setSocketOption(fd, libc.SOL_SOCKET, SO_REUSEADDR, 1);
    setStreamOptions(fd);
    bindTo(fd, address, port, options);
    libc.listen(fd, BACKLOG);
  });
}

/** A UDP socket at an address and port; at a wildcard address, each datagram tells which address it came to. */
export function openUdpSocket(address: Ip, port: number, options: BindOptions = {}): number {
  return opened(libc.socket(domainOf(address), libc.SOCK_DGRAM | FLAGS, 0), (fd) => {
    if (address.value === 0n) {
      if (address.family === 4) libc.setSocketOption(fd, IPPROTO_IP, IP_PKTINFO, 1);
      else libc.setSocketOption(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    }
    bindTo(fd, address, port, options);
  });
}

/** A UDP socket that hears only `peer` (a struct sockaddr), and its refusals. */
export function connectUdp(peer: Uint8Array): number {
  return opened(libc.socket(familyOf(peer), libc.SOCK_DGRAM | FLAGS, 0), (fd) => {
    const result = libc.connect(fd, peer);
    if (result < 0) throw new SystemError("connect", -result, [fd, peer]);
  });
}

/** A TCP socket for {@link libc.connect} to `peer`, with no delay and keep-alive. */
export function openTcpSocket(peer: Uint8Array): number {
  return opened(libc.socket(familyOf(peer), libc.SOCK_STREAM | FLAGS, 0), setStreamOptions);
}

/** Lets later sockets of this user, that say so too, bind where `fd` is bound. */
export function setReusePort(fd: number): void {
  libc.setSocketOption(fd, libc.SOL_SOCKET, SO_REUSEPORT, 1);
}

/** Closes a TCP socket with a reset instead of an end. */
export function resetTcp(fd: number): void {
  libc.setSocketOptionBytes(fd, libc.SOL_SOCKET, SO_LINGER, RESET_ON_CLOSE);
  libc.close(fd);
}

export function newSocketAddressBuffer(): libc.SocketAddressBuffer {
  return { bytes: new Uint8Array(28), length: new Uint8Array(4) };
}

/** The address in a struct sockaddr_in or sockaddr_in6, in canonical text. */
export function addressText(socketAddressBytes: Uint8Array): string {
  const b = socketAddressBytes;
  return familyOf(b) === libc.AF_INET
    ? `${b[4]!}.${b[5]!}.${b[6]!}.${b[7]!}`
    : formatIp(ipFromBytes(b.subarray(8, 24)));
}

export function portOf(socketAddressBytes: Uint8Array): number {
  return (socketAddressBytes[2]! << 8) | socketAddressBytes[3]!;
}

function familyOf(socketAddressBytes: Uint8Array): number {
  return socketAddressBytes[0]!;
}

function setStreamOptions(fd: number): void {
  libc.setSocketOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  libc.setSocketOption(fd, libc.SOL_SOCKET, SO_KEEPALIVE, 1);
  libc.setSocketOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_SECONDS);
}

function bindTo(fd: number, address: Ip, port: number, { reusePort = false }: BindOptions): void {
  if (address.family === 6) libc.setSocketOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (reusePort) setReusePort(fd);
  libc.bind(fd, socketAddress(address, port));
}

/** Closes `fd` if `prepare` throws. */
function opened(fd: number, prepare: (fd: number) => void): number {
  try {
    prepare(fd);
  } catch (error) {
    libc.close(fd);
    throw error;
  }
  return fd;
}
