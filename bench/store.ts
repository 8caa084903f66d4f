/**
 * The stores against etcd on the same disk, in one run: durable commits a second with 1 and with 64 writers, a list of
 * 10,000 entries, and the heap that an entry takes. `etcd` is Debian's (apt-get install etcd-server); without it the
 * comparison is left out, by name. etcd is spoken to as any client does, in gRPC over a connection on loopback; the
 * embedded store is called.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempDisposable } from "node:fs/promises";
import { type ClientHttp2Session, connect } from "node:http2";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { freeTcpPort } from "../src/dataplane/userspace/loopback-peers.ts";
import { createMemoryStore } from "../src/store/memory/memory-store.ts";
import { openSqliteStore } from "../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../src/store/store.ts";

const SECONDS = 3;
const ENTRIES = 10_000;
/** About the size of a Service in JSON. */
const VALUE = new Uint8Array(1000).fill(97);

/** What is measured: the least of a store that all three have. */
interface Subject {
  put(key: string): Promise<unknown>;
  /** Returns how many it got. */
  list(prefix: string): Promise<number>;
}

function subject(store: Store): Subject {
  return {
    put: async (key) => store.commit([{ type: "put", key, value: VALUE }]),
    list: async (prefix) => (await store.list(prefix)).entries.length,
  };
}

interface Figures {
  readonly one: number;
  readonly p99: number;
  readonly many: number;
  readonly list: number;
}

async function putsPerSecond(subject: Subject, writers: number): Promise<{ rate: number; p99: number }> {
  const took: number[] = [];
  const end = performance.now() + SECONDS * 1000;
  const write = async (writer: number): Promise<void> => {
    for (let n = 0; performance.now() < end; n++) {
      const start = performance.now();
      await subject.put(`/bench/${writer}/${n % 1000}`);
      took.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: writers }, async (_, writer) => write(writer)));
  took.sort((a, b) => a - b);
  return { rate: took.length / SECONDS, p99: took[Math.floor(took.length * 0.99)]! };
}

async function measure(subject: Subject): Promise<Figures> {
  await putsPerSecond(subject, 1);
  const one = await putsPerSecond(subject, 1);
  const many = await putsPerSecond(subject, 64);
  for (let start = 0; start < ENTRIES; start += 100)
    await Promise.all(
      Array.from({ length: 100 }, async (_, i) => subject.put(`/list/${String(start + i).padStart(6, "0")}`)),
    );
  const times: number[] = [];
  for (let i = 0; i < 10; i++) {
    const start = performance.now();
    const got = await subject.list("/list/");
    if (got !== ENTRIES) throw new Error(`the list has ${got} entries, not ${ENTRIES}`);
    times.push(performance.now() - start);
  }
  return { one: one.rate, p99: one.p99, many: many.rate, list: times.sort((a, b) => a - b)[5]! };
}

/** The longest that the event loop stood still while 64 writers wrote. */
async function longestStall(subject: Subject): Promise<number> {
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last - 1);
    last = now;
  }, 1);
  await putsPerSecond(subject, 64);
  clearInterval(timer);
  return longest;
}

/** Bytes an entry takes in memory, its key and 1,000 bytes of value included: heap and buffers. */
async function bytesPerEntry(): Promise<number> {
  const used = (): number => {
    globalThis.gc?.();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = used();
  await using store = createMemoryStore({ retention: { intervalMs: 0 } });
  for (let i = 0; i < ENTRIES * 5; i++) {
    const value = Uint8Array.from(VALUE);
    await store.commit([{ type: "put", key: `/registry/services/specs/default/service-${i}`, value }]);
  }
  await store.compact(store.revision);
  return (used() - before) / (ENTRIES * 5);
}

// A protobuf writer of what etcd's Put and Range need (api/etcdserverpb/rpc.proto): field numbers below 16, bytes only.
function field(number: number, bytes: Uint8Array): Uint8Array {
  const length: number[] = [];
  let rest = bytes.length;
  for (; rest > 127; rest >>>= 7) length.push((rest & 127) | 128);
  return Buffer.concat([Uint8Array.of((number << 3) | 2, ...length, rest), bytes]);
}

/** One gRPC call: the reply's message, without the five bytes of framing. */
async function call(session: ClientHttp2Session, method: string, message: Uint8Array): Promise<Buffer> {
  const stream = session.request({
    ":method": "POST",
    ":path": `/etcdserverpb.KV/${method}`,
    "content-type": "application/grpc",
    te: "trailers",
  });
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  stream.end(Buffer.concat([head, message]));
  let status: unknown = "0";
  stream.on("trailers", (trailers) => (status = trailers["grpc-status"]));
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  if (status !== "0") throw new Error(`etcd's ${method} ended with gRPC status ${String(status)}`);
  return Buffer.concat(chunks).subarray(5);
}

/** How many `kvs` (field 2) a RangeResponse has. */
function countEntries(reply: Buffer): number {
  let count = 0;
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = reply[at++]!;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  while (at < reply.length) {
    const tag = varint();
    const lengthOrValue = varint();
    if ((tag & 7) === 2) at += lengthOrValue;
    if (tag >> 3 === 2) count++;
  }
  return count;
}

/** An etcd of its own in `directory`, answering; undefined if it is not installed. */
async function startEtcd(stack: AsyncDisposableStack, directory: string): Promise<Subject | undefined> {
  const client = `http://127.0.0.1:${await freeTcpPort("127.0.0.1")}`;
  const peer = `http://127.0.0.1:${await freeTcpPort("127.0.0.1")}`;
  const options = {
    "data-dir": join(directory, "etcd"),
    "listen-client-urls": client,
    "advertise-client-urls": client,
    "listen-peer-urls": peer,
    "initial-advertise-peer-urls": peer,
    "initial-cluster": `default=${peer}`,
    "log-level": "error",
  };
  const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  const etcd = spawn("etcd", args, { stdio: "ignore" });
  try {
    await once(etcd, "spawn");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  stack.defer(async () => {
    etcd.kill();
    await once(etcd, "exit");
  });
  const session = await connected(client);
  stack.defer(() => session.destroy());
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
  return {
    put: async (key) => call(session, "Put", Buffer.concat([field(1, encode(key)), field(2, VALUE)])),
    list: async (prefix) => {
      const end = prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
      const range = Buffer.concat([field(1, encode(prefix)), field(2, encode(end))]);
      return countEntries(await call(session, "Range", range));
    },
  };
}

/** A connection to etcd as soon as it answers; it takes a second or two to start. */
async function connected(url: string): Promise<ClientHttp2Session> {
  for (const deadline = performance.now() + 20_000; ;) {
    const session = connect(url);
    try {
      await once(session, "connect");
      await call(session, "Range", field(1, Uint8Array.of(0)));
      return session;
    } catch (error) {
      session.destroy();
      if (performance.now() > deadline) throw error;
      await setTimeout(100);
    }
  }
}

function show(name: string, figures: Figures, against: Figures | undefined): void {
  const ratio = (value: number): string => (against === undefined ? "" : ` (x${value.toFixed(2)} of etcd)`);
  const line = (what: string, text: string, value: number): void =>
    console.log(`${name.padEnd(7)} ${what.padEnd(24)} ${text}${ratio(value)}`);
  const { one, p99, many, list } = figures;
  const other = against ?? figures;
  line("commits/s, 1 writer", `${one.toFixed(0)}, p99 ${p99.toFixed(2)} ms`, one / other.one);
  line("commits/s, 64 writers", many.toFixed(0), many / other.many);
  line(`list of ${ENTRIES}`, `${list.toFixed(2)} ms`, list / other.list);
}

await using stack = new AsyncDisposableStack();
// Beside the repository, not in /tmp: that is memory on many machines.
const directory = stack.use(await mkdtempDisposable(join(import.meta.dirname, ".store-")));
const etcd = await startEtcd(stack, directory.path);
const etcdFigures = etcd === undefined ? undefined : await measure(etcd);
if (etcdFigures === undefined)
  console.log("etcd: left out, it is not installed (apt-get install etcd-server)");
else show("etcd", etcdFigures, undefined);
const sqlite = stack.use(await openSqliteStore({ dataDir: join(directory.path, "sqlite") }));
show("sqlite", await measure(subject(sqlite)), etcdFigures);
console.log(
  `sqlite  longest stall of the event loop with 64 writers: ${(await longestStall(subject(sqlite))).toFixed(1)} ms`,
);
const memory = stack.use(createMemoryStore());
show("memory", await measure(subject(memory)), etcdFigures);
const bytes = await bytesPerEntry();
console.log(
  `memory  ${bytes.toFixed(0)} bytes for an entry of ${VALUE.length} bytes (x${(bytes / VALUE.length).toFixed(2)})`,
);
