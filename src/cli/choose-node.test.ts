import assert from "node:assert/strict";
import { test } from "node:test";
import type { Node } from "../api/node/type.ts";
import { machinesNode, namedNode } from "./choose-node.ts";

function node(name: string, ...addresses: string[]): Node {
  const known = addresses.map((address) => ({ type: "InternalIP" as const, address }));
  return { metadata: { name }, status: { addresses: [...known, { type: "Hostname", address: name }] } };
}

const A = node("a", "192.0.2.1", "2001:db8::1");
const B = node("b", "192.0.2.2");
const NAT = [node("c", "10.0.2.15"), node("d", "10.0.2.15")];

test("a machine's Node is that with its address and name, else with its address, else with its name", () => {
  for (const [nodes, addresses, name, expected] of [
    [[A, B], ["192.0.2.2"], "b", "b"],
    [[A, B], ["192.0.2.2", "10.244.2.1"], "a", "b"],
    [[A, B], ["2001:db8::1"], "somebody", "a"],
    [[A, B], ["198.51.100.1"], "b", "b"],
    [NAT, ["10.0.2.15"], "d", "d"],
    [[A, B], ["198.51.100.1"], "somebody", undefined],
    [[], ["192.0.2.1"], "a", undefined],
  ] as const)
    assert.equal(
      machinesNode(nodes, addresses, name)?.metadata.name,
      expected,
      `${addresses.join()} ${name}`,
    );
});

test("a Node that is not there is refused with those that are", () => {
  assert.equal(namedNode([A, B], "b"), B);
  assert.throws(() => namedNode([A, B], "nix"), {
    message: "there is no Node named nix",
    remedy: "take one of a, b",
  });
  assert.throws(() => namedNode([], "nix"), { remedy: "no node has registered itself" });
});
