/**
 * Any file descriptor on node's event loop: netlink sockets, process descriptors, raw sockets.
 *
 * koffi.node.poll is libuv's uv_poll, with four traps that this file closes:
 * - one watcher for a descriptor (dup it for a second), and it must be closed before the descriptor is;
 * - a watcher whose JavaScript object is collected stops without a word, so open ones are kept here;
 * - an error on the descriptor (a netlink overrun) stops the watcher: libuv calls once with status EBADF, which
 *   koffi passes as a first argument that its types do not have. Reading tells the error; watching must go on;
 * - koffi's callback is no node callback: promises it resolves would wait for something else to happen, and what it
 *   throws is lost. setImmediate runs in the same turn of the loop and is a proper one.
 */
import koffi from "koffi";

export interface PollOptions {
  /** Whether the watcher keeps the process running. @default {true} */
  readonly ref?: boolean;
}

type Handle = ReturnType<typeof koffi.node.poll>;
type Events = { readonly readable: true } | { readonly writable: true };

const open = new Set<Handle>();

function watch(fd: number, events: Events, call: () => void, ref: boolean): Disposable {
  const onEvent = (status: number): void => {
    if (!open.has(handle)) return;
    if (status < 0) handle.start(events, onEvent as never);
    if (!scheduled) setImmediate(run);
    scheduled = true;
  };
  const run = (): void => {
    scheduled = false;
    if (open.has(handle)) call();
  };
  let scheduled = false;
  const handle = koffi.node.poll(fd, events, onEvent as never);
  open.add(handle);
  if (!ref) handle.unref();
  return {
    [Symbol.dispose]: () => {
      if (open.delete(handle)) handle.close();
    },
  };
}

/** Calls `onReadable` on the event loop, again and again, while `fd` has something to read or an error to tell. */
export function pollReadable(fd: number, onReadable: () => void, options: PollOptions = {}): Disposable {
  return watch(fd, { readable: true }, onReadable, options.ref ?? true);
}

/** Calls `onWritable` while `fd` can be written to; for a connecting socket: once it is decided. */
export function pollWritable(fd: number, onWritable: () => void, options: PollOptions = {}): Disposable {
  return watch(fd, { writable: true }, onWritable, options.ref ?? true);
}
