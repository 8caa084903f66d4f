import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTarget } from "./target.ts";

test("a target is an address and a port", () => {
  assert.deepEqual(parseTarget("10.96.0.10:80"), { address: "10.96.0.10", port: 80 });
  assert.deepEqual(parseTarget("[FD00::1]:53"), { address: "fd00::1", port: 53 });
  for (const text of ["10.96.0.10", "10.96.0.10:0", "10.96.0.10:65536", "web:80", "fd00::1:80", ":80"])
    assert.throws(() => parseTarget(text), /is not an address and port/, text);
});
