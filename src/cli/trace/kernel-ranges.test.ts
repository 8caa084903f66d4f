import assert from "node:assert/strict";
import { test } from "node:test";
import { cidr } from "../../base/ip.ts";
import { rangeElements } from "../../dataplane/nftables/ranges.ts";
import { rangesOf } from "./kernel-ranges.ts";

test("an interval set is read back as the ranges that it was made of", () => {
  for (const ranges of [
    [],
    ["10.96.0.0/16"],
    ["10.1.0.0/24", "10.1.2.0/23", "192.0.2.1/32"],
    ["0.0.0.0/0"],
    ["128.0.0.0/1"],
  ])
    assert.deepEqual(rangesOf(rangeElements(ranges.map(cidr), 4), 4), ranges);
  assert.deepEqual(rangesOf(rangeElements([cidr("fd00::/64"), cidr("fd00:0:0:1::/64")], 6), 6), [
    "fd00::/63",
  ]);
  const touching = ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"].map(cidr);
  assert.deepEqual(rangesOf(rangeElements(touching, 4), 4), ["10.0.0.0/23", "10.0.2.0/24"]);
});
