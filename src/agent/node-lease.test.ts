/** The node's Lease, with a clock and waits in the test's hands. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { leaseKind } from "../api/lease/kind.ts";
import type { Lease } from "../api/lease/type.ts";
import { nodeKind } from "../api/node/kind.ts";
import { silentLog } from "../base/log.ts";
import { createMemoryApi, type MemoryApi } from "../client/memory-api.ts";
import { keepNodeLease } from "./node-lease.ts";

const START = Date.parse("2026-01-02T03:04:05.678Z");

/** Keeps a Lease; time passes only when the test says so. Disposed, it must have ended. */
class Keeping implements AsyncDisposable {
  readonly api: MemoryApi;
  /** Of each wait so far, milliseconds. */
  readonly waits: number[] = [];
  warnings = 0;
  #now = START;
  readonly #end = new AbortController();
  readonly #done: Promise<void>;
  #waiting = Promise.withResolvers<() => void>();

  constructor(api: MemoryApi) {
    this.api = api;
    this.#done = keepNodeLease({
      client: api,
      nodeName: "n1",
      log: { ...silentLog, warn: () => void this.warnings++ },
      signal: this.#end.signal,
      clock: () => this.#now,
      random: () => 0.5,
      wait: async (milliseconds, signal) => {
        this.waits.push(milliseconds);
        await new Promise<void>((resolve) => {
          signal.addEventListener("abort", () => resolve(), { once: true });
          this.#waiting.resolve(() => {
            this.#now += milliseconds;
            resolve();
          });
        });
      },
    });
  }

  /** Resolves when it waits for its next turn. */
  async settled(): Promise<void> {
    await this.#waiting.promise;
  }

  /** Its wait is over; resolves when it waits again. */
  async next(): Promise<void> {
    const pass = await this.#waiting.promise;
    this.#waiting = Promise.withResolvers();
    pass();
    await this.settled();
  }

  lease(): Lease | undefined {
    return this.api.all(leaseKind)[0];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#done;
  }
}

function apiWithNode(): MemoryApi {
  const api = createMemoryApi();
  api.put(nodeKind, { metadata: { name: "n1" } });
  return api;
}

const renewedAt = ({ spec }: Lease): number => Date.parse(spec!.renewTime!) - START;

test("a node's Lease is its Node's, and renewed every ten seconds and a little", async () => {
  await using keeping = new Keeping(apiWithNode());
  await keeping.settled();
  const [node] = keeping.api.all(nodeKind);
  const { metadata, spec } = keeping.lease()!;
  assert.deepEqual([metadata.namespace, metadata.name], ["kube-node-lease", "n1"]);
  assert.deepEqual(metadata.ownerReferences, [
    { apiVersion: "v1", kind: "Node", name: "n1", uid: node!.metadata.uid },
  ]);
  assert.deepEqual(spec, {
    holderIdentity: "n1",
    leaseDurationSeconds: 40,
    renewTime: "2026-01-02T03:04:05.678000Z",
  });
  const before = metadata.uid;
  await keeping.next();
  await keeping.next();
  assert.deepEqual(keeping.waits, [10_200, 10_200, 10_200]);
  assert.equal(renewedAt(keeping.lease()!), 20_400);
  assert.equal(keeping.lease()!.metadata.uid, before);
  assert.deepEqual(
    keeping.api.writes.map(({ verb }) => verb),
    ["create", "update", "update"],
  );
  assert.equal(keeping.warnings, 0);
});

test("a Lease that others wrote or deleted is renewed all the same, at once", async () => {
  const api = apiWithNode();
  const old = { holderIdentity: "old", leaseDurationSeconds: 1, leaseTransitions: 3 };
  const metadata = { namespace: "kube-node-lease", name: "n1", labels: { a: "b" } };
  api.put(leaseKind, { metadata, spec: old });
  await using keeping = new Keeping(api);
  await keeping.settled();
  const taken = keeping.lease()!;
  assert.deepEqual([taken.spec?.holderIdentity, taken.spec?.leaseTransitions], ["n1", 3]);
  assert.deepEqual([taken.metadata.labels, taken.metadata.ownerReferences?.length], [{ a: "b" }, 1]);

  api.put(leaseKind, { ...taken, metadata: { ...taken.metadata, labels: { a: "c" } } });
  await keeping.next();
  assert.deepEqual([renewedAt(keeping.lease()!), keeping.lease()!.metadata.labels], [10_200, { a: "c" }]);
  api.remove(leaseKind, metadata);
  await keeping.next();
  assert.deepEqual([renewedAt(keeping.lease()!), keeping.waits.length], [20_400, 3]);
  assert.equal(keeping.warnings, 0);
});

test("while it cannot be written it is tried again, sooner and then less often; without a Node there is none", async () => {
  const api = createMemoryApi();
  await using keeping = new Keeping(api);
  await keeping.settled();
  api.fail(Infinity);
  for (let i = 0; i < 7; i++) await keeping.next();
  assert.deepEqual(keeping.waits, [150, 300, 600, 1200, 2400, 4800, 5250, 5250]);
  assert.equal(keeping.warnings, 8);
  assert.equal(keeping.lease(), undefined);
  api.fail(0);
  api.put(nodeKind, { metadata: { name: "n1" } });
  await keeping.next();
  assert.equal(keeping.lease()?.spec?.holderIdentity, "n1");
  assert.equal(keeping.waits.at(-1), 10_200);
});

test("ended in the middle of a wait, it leaves the Lease as it is and no write behind", async () => {
  const keeping = new Keeping(apiWithNode());
  await keeping.settled();
  await keeping[Symbol.asyncDispose]();
  assert.equal(keeping.api.writes.length, 1);
  assert.equal(keeping.lease()?.spec?.holderIdentity, "n1");
});
