/**
 * An agent's data plane in a process of its own, whose processor time is then nobody else's. Forked with IPC:
 *
 *     agent ORDER    "listen", "hush": begins or ends to hear of connections' ends, as /svcstats does;
 *                    "cpu": answers with the seconds of processor so far and how many ends were heard of
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { openConnectionSource } from "../src/dataplane/connections/connection-source.ts";
import { createNftablesDataPlane } from "../src/dataplane/nftables/programmer.ts";
import type { ServiceTable, VirtualPort } from "../src/dataplane/table.ts";
import { virtualPortKey } from "../src/dataplane/table.ts";

/** What is programmed: a table as IPC can carry it. */
export interface AgentTable extends Omit<ServiceTable, "ports"> {
  readonly ports: readonly VirtualPort[];
}

export interface AgentUse {
  /** Of its processor, user and system. */
  readonly seconds: number;
  /** Ends of connections that it was told of. */
  readonly ends: number;
}

type Order =
  | { readonly netns: string; readonly table: AgentTable }
  | { readonly order: "listen" | "hush" | "cpu" };

export interface LabAgent extends AsyncDisposable {
  listen(isOn: boolean): Promise<void>;
  use(): Promise<AgentUse>;
}

/** An agent that has programmed `table` in the namespace. */
export async function startLabAgent(netns: string, table: AgentTable): Promise<LabAgent> {
  const child = fork(import.meta.filename, ["agent"], { stdio: "inherit" });
  await ask(child, { netns, table });
  return {
    listen: async (isOn) => void (await ask(child, { order: isOn ? "listen" : "hush" })),
    use: () => ask(child, { order: "cpu" }),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null) return;
      const exit = once(child, "exit");
      child.disconnect();
      await exit;
    },
  };
}

async function ask(child: ChildProcess, order: Order): Promise<AgentUse> {
  const done = new AbortController();
  const { signal } = done;
  try {
    const ended = once(child, "exit", { signal }).then(() =>
      Promise.reject(new Error("the agent's process has ended")),
    );
    ended.catch(() => undefined);
    const answer = once(child, "message", { signal });
    child.send(order);
    const [use] = (await Promise.race([answer, ended])) as [AgentUse];
    return use;
  } finally {
    done.abort();
  }
}

async function agent(): Promise<void> {
  let netns: string | undefined;
  let ends = 0;
  let source: Disposable | undefined;
  await using stack = new AsyncDisposableStack();
  const disconnected = once(process, "disconnect");
  process.on("message", (order: Order) => void obey(order));
  async function obey(order: Order): Promise<void> {
    if ("table" in order) {
      ({ netns } = order);
      const dataPlane = stack.use(await createNftablesDataPlane({ netns }));
      const ports = new Map(order.table.ports.map((port) => [virtualPortKey(port), port]));
      await dataPlane.sync({ ...order.table, ports });
    } else if (order.order === "listen") {
      source ??= stack.use(await openConnectionSource(() => void ends++, netns));
    } else if (order.order === "hush") {
      source?.[Symbol.dispose]();
      source = undefined;
    }
    const { user, system } = process.cpuUsage();
    process.send!({ seconds: (user + system) / 1e6, ends } satisfies AgentUse);
  }
  await disconnected;
}

if (process.argv[2] === "agent") await agent();
