import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { netctl, scriptedNetmaster } from "./netmaster-script.ts";
import { cells, jsonText, printable } from "./printable.ts";

const EVIL = "\u001B[1A\u009B2K\r\n\t\u007F\u202Eweb";

test("what a terminal would obey is shown as JSON writes it", () => {
  assert.equal(printable("a\u001B[2J\u009Bb\nc\u007F"), "a\\u001b[2J\\u009bb\\u000ac\\u007f");
  assert.equal(printable("grüße, 日本 👋"), "grüße, 日本 👋");
  assert.equal(cells(["a\tb", 1]), "a\\u0009b\t1");
});

test("JSON for a terminal is the same JSON", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2), (value, indent) => {
      const text = jsonText([value, EVIL], indent);
      assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify([value, EVIL])));
      assert.doesNotMatch(text.replaceAll("\n", ""), /\p{Cc}/u);
    }),
  );
});

test("nothing that a server says moves the cursor: tables, names, JSON, descriptions, refusals, completion", async () => {
  const network = { tenantName: "default", networkName: EVIL, subnet: "10.1.1.0/24", cfgdTag: EVIL };
  const service = {
    tenantName: "default",
    serviceName: EVIL,
    networkName: EVIL,
    selectors: [`a=${EVIL}`],
    ports: [EVIL],
    balance: EVIL,
  };
  const inspection = { Config: service, Oper: { serviceVip: EVIL, numProviders: 0, numCandidates: 0 } };
  const candidate = {
    containerName: EVIL,
    containerID: EVIL,
    tenantName: EVIL,
    ipAddress: EVIL,
    isProvider: false,
    why: EVIL,
  };
  await using netmaster = await scriptedNetmaster({
    "GET /api/v1/networks/?tenant=default": [network],
    "GET /api/v1/inspect/serviceLBs/?tenant=default": [inspection],
    "GET /api/v1/serviceLBs/?tenant=default": [service, { ...service, serviceName: "$(reboot)" }],
    "GET /api/v1/inspect/networks/default:n/": { Config: network },
    "GET /api/v1/describe/serviceLBs/default:web/": { ...inspection, candidates: [candidate] },
    "GET /api/v1/tenants/": [{ tenantName: EVIL }],
    "DELETE /api/v1/networks/default:n/": { status: 409, body: { error: EVIL, errors: [{ message: EVIL }] } },
    "DELETE /api/v1/tenants/n/": { status: 500, body: EVIL },
  });
  const lines: readonly (readonly [string, number])[] = [
    ["net ls", 3],
    ["net ls -q", 1],
    ["net ls -j", 8],
    ["service ls", 3],
    ["service ls -q", 2],
    ["service describe web", 11],
    ["net inspect n", 8],
    ["tenant ls", 3],
    ["net rm n", 2],
    ["tenant rm n", 2],
    ["__complete -- service rm ", 0],
  ];
  for (const [line, count] of lines) {
    const { stdout, stderr } = await netctl(line.split(" "), { NETMASTER: netmaster.url });
    const text = stdout + stderr;
    assert.doesNotMatch(text.replaceAll("\n", ""), /[\p{Cc}\u202E]/u, line);
    assert.equal(text.split("\n").length - 1, count, `${line}: ${text}`);
  }
});
