/**
 * Any file descriptor on node's event loop: netlink sockets, process descriptors, raw sockets.
 *
 * koffi.node.poll is libuv's uv_poll. Its rules: one watcher for a descriptor (dup it for a second), and the watcher
 * must be closed before the descriptor is.
 */
import koffi from "koffi";

export interface PollOptions {
  /** Whether the watcher keeps the process running. @default {true} */
  readonly ref?: boolean;
}

function watch(
  fd: number,
  events: { readable?: true; writable?: true },
  call: () => void,
  ref: boolean,
): Disposable {
  const handle = koffi.node.poll(fd, events, call);
  if (!ref) handle.unref();
  let open = true;
  return {
    [Symbol.dispose]: () => {
      if (open) handle.close();
      open = false;
    },
  };
}

/** Calls `onReadable` on the event loop, again and again, while `fd` has something to read. */
export function pollReadable(fd: number, onReadable: () => void, options: PollOptions = {}): Disposable {
  return watch(fd, { readable: true }, onReadable, options.ref ?? true);
}

/** Calls `onWritable` while `fd` can be written to; for a connecting socket: once it is decided. */
export function pollWritable(fd: number, onWritable: () => void, options: PollOptions = {}): Disposable {
  return watch(fd, { writable: true }, onWritable, options.ref ?? true);
}
