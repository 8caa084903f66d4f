import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseResolvConf, parseServerAddress, resolvConf } from "./resolv-conf.ts";

test("nameserver lines are read as resolv.conf(5) has them", () => {
  const text = `# nameserver 192.0.2.9
nameserver 192.0.2.1
nameserver	2001:db8::1
nameserver fe80::1%eth0
 nameserver 192.0.2.8
nameserver not-an-address
nameserver 192.0.2.4
search example.com
options ndots:2
`;
  assert.deepEqual(
    parseResolvConf(text).map(({ address, port }) => `${address} ${port}`),
    ["192.0.2.1 53", "2001:db8::1 53", "fe80::1%eth0 53"],
  );
});

test("a server is an address, with or without a port", () => {
  const table: readonly (readonly [text: string, address: string | undefined, port?: number])[] = [
    ["192.0.2.1", "192.0.2.1", 53],
    ["192.0.2.1:5353", "192.0.2.1", 5353],
    ["2001:db8::1", "2001:db8::1", 53],
    ["[2001:db8::1]:5353", "2001:db8::1", 5353],
    ["[192.0.2.1]:53", undefined],
    ["192.0.2.1:0", undefined],
    ["192.0.2.1:65536", undefined],
    ["dns.example", undefined],
  ];
  for (const [text, address, port = 53] of table)
    assert.deepEqual(parseServerAddress(text), address === undefined ? undefined : { address, port }, text);
});

test("the file is read again when it has changed, and our own addresses are not asked", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "fairlead-resolv-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "resolv.conf");
  const isOurs = ({ address }: { address: string }): boolean => address === "10.96.0.10";
  writeFileSync(path, "nameserver 192.0.2.1\nnameserver 10.96.0.10\n");
  assert.deepEqual(await resolvConf(path, isOurs)(), [{ address: "192.0.2.1", port: 53 }]);
  t.mock.timers.enable({ apis: ["Date"] });
  let now = 0;
  t.mock.method(performance, "now", () => now);
  const servers = resolvConf(path, isOurs);
  assert.deepEqual(await servers(), [{ address: "192.0.2.1", port: 53 }]);
  writeFileSync(path, "nameserver 192.0.2.22\n");
  assert.deepEqual(await servers(), [{ address: "192.0.2.1", port: 53 }]);
  now += 1100;
  assert.deepEqual(await servers(), [{ address: "192.0.2.22", port: 53 }]);
  rmSync(path);
  now += 1100;
  assert.deepEqual(await servers(), [{ address: "192.0.2.22", port: 53 }]);
});
