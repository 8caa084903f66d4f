/** A data plane that only remembers what it was told, for tests of whoever tells it. */
import { type DataPlane, DataPlaneError } from "../dataplane/dataplane.ts";
import { type VirtualPort, type VirtualPortKey, virtualPortKey } from "../dataplane/table.ts";

export interface RecordingDataPlane extends DataPlane {
  /** The table, as the calls so far have made it. */
  readonly ports: ReadonlyMap<VirtualPortKey, VirtualPort>;
  readonly ranges: readonly string[];
  /** "sync 2" or "apply +1 -0", one for each call that worked. */
  readonly calls: string[];
  /** The next `count` calls throw. */
  fail(count: number): void;
  /** Resolves at once if `holds`, or after the first call that makes it so. */
  until(holds: (ports: ReadonlyMap<VirtualPortKey, VirtualPort>) => boolean): Promise<void>;
}

export function createRecordingDataPlane(): RecordingDataPlane {
  const ports = new Map<VirtualPortKey, VirtualPort>();
  const calls: string[] = [];
  const waiters = new Set<() => void>();
  let ranges: readonly string[] = [];
  let failing = 0;

  async function begin(): Promise<void> {
    await Promise.resolve();
    if (failing-- > 0) throw new DataPlaneError("told to fail");
  }

  function end(call: string): void {
    calls.push(call);
    for (const waiter of waiters) waiter();
  }

  return {
    name: "recording",
    ports,
    calls,
    get ranges() {
      return ranges;
    },
    fail(count) {
      failing = count;
    },
    until(holds) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const check = (): void => {
        if (!holds(ports)) return;
        waiters.delete(check);
        resolve();
      };
      waiters.add(check);
      check();
      return promise;
    },
    async sync(table) {
      await begin();
      ports.clear();
      for (const [key, port] of table.ports) ports.set(key, port);
      ranges = table.ranges;
      end(`sync ${ports.size}`);
      return { kept: 0, written: ports.size };
    },
    async apply({ set, remove }) {
      await begin();
      for (const key of remove) ports.delete(key);
      for (const port of set) ports.set(virtualPortKey(port), port);
      end(`apply +${set.length} -${remove.length}`);
    },
    async cleanup() {
      await begin();
      ports.clear();
    },
    async [Symbol.asyncDispose]() {},
  };
}
