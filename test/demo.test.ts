/** The demo, as its users run it: with root in network namespaces of its own, without root on loopback. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DemoResult } from "../src/cli/demo/run.ts";
import { listNetns } from "../src/sys/netns.ts";
import { runFairlead } from "./lab/fairlead.ts";
import { needsNetns } from "./lab/netns.ts";

function check({
  code,
  stdout,
  stderr,
}: {
  code: number | null;
  stdout: string;
  stderr: string;
}): DemoResult {
  assert.equal(code, 0, `${stdout}${stderr}`);
  const result = JSON.parse(stdout.trimEnd().split("\n").at(-1)!) as DemoResult;
  assert.equal(result.requests, 1000);
  assert.equal(result.failed, 0);
  assert.equal(result.port, 8080);
  const counts = Object.values(result.byEndpoint);
  assert.equal(counts.length, 3);
  assert.equal(
    counts.reduce((a, b) => a + b),
    1000,
  );
  // Each expects a third, 333.3 with a standard deviation of 14.9: seven of them are 104.
  for (const count of counts) assert.ok(Math.abs(count - 1000 / 3) < 105, JSON.stringify(result.byEndpoint));
  assert.equal(result.afterKill.requests, 1000);
  assert.equal(result.afterKill.failed, 0);
  assert.equal(Object.keys(result.afterKill.byEndpoint).length, 2);
  for (const endpoint of Object.keys(result.afterKill.byEndpoint)) assert.ok(endpoint in result.byEndpoint);
  return result;
}

test("with root: in network namespaces, which are gone afterwards", { skip: needsNetns() }, async () => {
  const ours = (): string[] => listNetns().filter((name) => name.startsWith("fairlead-"));
  const before = ours();
  const result = check(await runFairlead(["demo", "--json", "--exit"]));
  assert.match(result.virtualIP, /^10\.96\./);
  assert.deepEqual(ours(), before);
});

test("without root: on addresses of 127/8", async () => {
  const result = check(await runFairlead(["demo", "--json", "--exit"], { unprivileged: true }));
  // Apart from 127.96.0.0/16 and 127.244.0.0/24, which a `fairlead up` on this machine may use.
  const second = Number(result.virtualIP.split(".")[1]);
  assert.ok(result.virtualIP.startsWith("127.") && second >= 128 && second < 228, result.virtualIP);
});
