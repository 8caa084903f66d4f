import assert from "node:assert/strict";
import { test } from "node:test";
import { type HealthCheck, healthResponse } from "./health.ts";

const checks: HealthCheck[] = [
  { name: "ping", check: async () => {} },
  { name: "store", check: async () => Promise.reject(new Error("the disk is full")) },
  { name: "shutdown", of: ["readyz"], check: async () => {} },
];

test("health in upstream's words", async () => {
  const table: [path: string, status: number, text: string][] = [
    ["/livez/ping", 200, "ok"],
    ["/readyz/store", 500, "internal server error: the disk is full\n"],
    ["/livez", 500, "[+]ping ok\n[-]store failed: reason withheld\nlivez check failed\n"],
    [
      "/readyz?exclude=store&verbose",
      200,
      "[+]ping ok\n[+]store excluded: ok\n[+]shutdown ok\nreadyz check passed\n",
    ],
    ["/healthz?exclude=store", 200, "ok"],
    [
      "/healthz?exclude=store&exclude=nothing&verbose=1",
      200,
      '[+]ping ok\n[+]store excluded: ok\nwarn: some health checks cannot be excluded: no matches for "nothing"\nhealthz check passed\n',
    ],
  ];
  for (const [path, status, text] of table) {
    const [name, query] = path.split("?");
    const response = await healthResponse(name!, new URLSearchParams(query), checks);
    assert.equal(response.status, status, path);
    assert.equal(response.body, text, path);
  }
  await assert.rejects(healthResponse("/livez/shutdown", new URLSearchParams(), checks));
});
