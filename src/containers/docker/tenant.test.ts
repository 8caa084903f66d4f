import assert from "node:assert/strict";
import { test } from "node:test";
import { container, type ContainerParts } from "./container-fixture.ts";
import { type TenantContext, tenantLeg, tenantOf } from "./tenant.ts";

const STOPPED = { Running: false, Status: "exited" };
const on = (...names: string[]) =>
  Object.fromEntries(names.map((name) => [name, { NetworkID: `id-${name}`, IPAddress: "10.0.0.2" }]));
const labels = (more: Record<string, string>) => ({ Labels: more });

const other = container({
  id: "other",
  host: { NetworkMode: "net/blue" },
  networks: on("net/blue"),
  state: STOPPED,
});

const context: TenantContext = {
  container: (id) => (id === "other" ? other : undefined),
  namespaceOfNetwork({ network }) {
    if (network === "gone") return { unknown: true };
    return network.startsWith("net/") ? network.slice("net/".length) : undefined;
  },
};

test("whose a container is", () => {
  const rows: [string, ContainerParts, string | undefined, string][] = [
    ["on Docker's own network", {}, undefined, "default"],
    ["on a tenant's network", { networks: on("net/blue") }, undefined, "blue"],
    ["on somebody's own network", { networks: on("mine") }, undefined, "default"],
    [
      "the label goes before the network",
      { networks: on("net/blue"), config: labels({ "fairlead.dev/namespace": "red" }) },
      undefined,
      "red",
    ],
    [
      "a label that is no namespace",
      { networks: on("net/blue"), config: labels({ "fairlead.dev/namespace": "Red" }) },
      "blue",
      "default",
    ],
    [
      "on several, that of --network",
      { networks: on("net/a", "net/b"), host: { NetworkMode: "net/b" } },
      undefined,
      "b",
    ],
    [
      "on several, that of --network by id",
      { networks: on("net/a", "net/b"), host: { NetworkMode: "id-net/b" } },
      undefined,
      "b",
    ],
    [
      "on several, the one that the label names",
      {
        networks: on("net/a", "net/b"),
        host: { NetworkMode: "net/b" },
        config: labels({ "fairlead.dev/network": "net/a" }),
      },
      undefined,
      "a",
    ],
    [
      "on several, else the first by name",
      { networks: on("net/b", "net/a"), host: { NetworkMode: "x" } },
      undefined,
      "a",
    ],
    [
      "it shares the network of one that has stopped",
      { host: { NetworkMode: "container:other" } },
      undefined,
      "blue",
    ],
    [
      "it shares the network of one that is gone",
      { host: { NetworkMode: "container:x" } },
      undefined,
      "default",
    ],
    [
      "it shares the network of one that is gone, and was somebody's",
      { host: { NetworkMode: "container:x" } },
      "red",
      "red",
    ],
    [
      "created, and never run",
      { state: { Running: false, Status: "created" }, networks: { "net/blue": {} } },
      undefined,
      "blue",
    ],
    ["stopped, it stays whose it was", { state: STOPPED, networks: on("net/blue") }, "red", "red"],
    ["stopped, its network gone", { state: STOPPED, networks: on("gone") }, "blue", "blue"],
    [
      "stopped, its network gone, and nothing known of before",
      { state: STOPPED, networks: on("gone") },
      undefined,
      "default",
    ],
    ["running on a network that is not to be found", { networks: on("gone") }, "blue", "blue"],
    ["running, it goes with its network", { networks: on("net/blue") }, "red", "blue"],
    ["taken off its last network", { networks: {} }, "blue", "blue"],
    [
      "on the host's network",
      { host: { NetworkMode: "host" }, networks: { host: { NetworkID: "h" } } },
      undefined,
      "default",
    ],
  ];
  for (const [what, parts, before, expected] of rows)
    assert.equal(tenantOf(container(parts), context, before, false), expected, what);
});

test("a container that was told to stop stays whose it is, though it loses its networks one after another", () => {
  assert.equal(tenantOf(container({ networks: on("net/b") }), context, "a", true), "a");
});

test("containers that share each other's network in a ring are nobody's", () => {
  const ring = container({ id: "ring", host: { NetworkMode: "container:ring" } });
  assert.equal(
    tenantLeg(ring, () => ring),
    undefined,
  );
});
