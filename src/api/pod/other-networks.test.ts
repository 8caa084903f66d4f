import assert from "node:assert/strict";
import { test } from "node:test";
import { OTHER_NETWORKS_CONDITION, otherNetworks, otherNetworksCondition } from "./other-networks.ts";
import type { Pod } from "./type.ts";

const pod = (conditions: NonNullable<Pod["status"]>["conditions"]): Pod => ({
  metadata: { name: "p" },
  status: { conditions: conditions! },
});

test("other networks are read as they were written", () => {
  const networks = { back: ["10.1.2.130", "fd10::4"], "net/blue": ["10.2.2.4"] };
  assert.deepEqual(Object.fromEntries(otherNetworks(pod([otherNetworksCondition(networks)]))), networks);
  assert.equal(otherNetworks({ metadata: { name: "p" } }).size, 0);
});

test("what others have written there is passed over where it makes no sense", () => {
  const read = (message: string): object =>
    Object.fromEntries(otherNetworks(pod([{ type: OTHER_NETWORKS_CONDITION, status: "True", message }])));
  for (const message of ["", "{", "7", "null", "[]"]) assert.deepEqual(read(message), {}, message);
  assert.deepEqual(read('{"a":7,"b":["x",{},"10.1.1.4"],"c":null}'), { b: ["10.1.1.4"] });
});
