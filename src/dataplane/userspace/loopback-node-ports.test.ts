import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import type { DataPlane } from "../dataplane.ts";
import { type ServiceTable, type TableDelta, type VirtualPort, virtualPortKey } from "../table.ts";
import { dial, freeTcpPort, tcpBackend } from "./loopback-peers.ts";
import { withLoopbackNodePorts } from "./loopback-node-ports.ts";

/** A data plane that does nothing but remember what it was told. */
function recorder(): DataPlane & { readonly calls: unknown[] } {
  const calls: unknown[] = [];
  return {
    name: "recorder",
    calls,
    sync: async (table: ServiceTable) => {
      calls.push(["sync", table.ports.size]);
      return { kept: 3, written: 4 };
    },
    apply: async (delta: TableDelta) => void calls.push(["apply", delta.set.length, delta.remove.length]),
    cleanup: async () => void calls.push(["cleanup"]),
    [Symbol.asyncDispose]: async () => void calls.push(["dispose"]),
  };
}

async function ask(port: number): Promise<string> {
  try {
    const socket = await dial("::1", port);
    socket.end();
    return await text(socket);
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

test("IPv6 node ports answer on ::1, others are the kernel's alone, and the kernel is told everything", async () => {
  const kernel = recorder();
  const plane = withLoopbackNodePorts(kernel);
  await using backend = await tcpBackend((socket) => socket.on("end", () => socket.end("six")).resume());
  const [port, other] = [await freeTcpPort("::1"), await freeTcpPort("::1")];
  const virtual = (address: string, rest: Partial<VirtualPort> = {}): VirtualPort => ({
    service: "default/web",
    portName: "",
    address,
    protocol: "TCP",
    port,
    backends: [backend],
    ...rest,
  });
  const ports = [virtual("::"), virtual("0.0.0.0"), virtual("fd00::7"), virtual("::", { protocol: "SCTP" })];
  const table = { ports: new Map(ports.map((one) => [virtualPortKey(one), one])), ranges: [] };
  assert.deepEqual(await plane.sync(table), { kept: 3, written: 4 });
  assert.equal(await ask(port), "six");
  await plane.apply({ set: [virtual("::", { port: other })], remove: [virtualPortKey(virtual("::"))] });
  assert.equal(await ask(port), "ECONNREFUSED");
  assert.equal(await ask(other), "six");
  await plane.cleanup();
  assert.equal(await ask(other), "ECONNREFUSED");
  await plane[Symbol.asyncDispose]();
  assert.deepEqual(kernel.calls, [["sync", 4], ["apply", 1, 1], ["cleanup"], ["dispose"]]);
});
