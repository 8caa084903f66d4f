import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../api/api-error.ts";
import { requestTimeout, withinTime } from "./request-timeout.ts";

test("the timeout of a request: Go's durations, at most a minute", () => {
  const rows: [string, number | string][] = [
    ["", 60_000],
    ["timeout=", 60_000],
    ["timeout=0s", 60_000],
    ["timeout=0", 60_000],
    ["timeout=-5s", 60_000],
    ["timeout=5s", 5000],
    ["timeout=1.5s", 1500],
    ["timeout=1m", 60_000],
    ["timeout=10m", 60_000],
    ["timeout=1h", 60_000],
    ["timeout=250ms", 250],
    ["timeout=1s500ms", 1500],
    ["timeout=5", 'invalid timeout specified in the request URL - time: invalid duration "5"'],
    ["timeout=s", 'invalid timeout specified in the request URL - time: invalid duration "s"'],
    ["timeout=1d", 'invalid timeout specified in the request URL - time: invalid duration "1d"'],
    ["timeout=1s;", 'invalid timeout specified in the request URL - time: invalid duration "1s;"'],
  ];
  for (const [query, expected] of rows) {
    let outcome: number | string;
    try {
      outcome = requestTimeout(new URLSearchParams(query));
    } catch (error) {
      assert.ok(error instanceof ApiError && error.code === 400);
      outcome = error.message;
    }
    assert.equal(outcome, expected, query);
  }
});

test("work that takes too long is answered 504, and work that fails fails as itself", async () => {
  assert.equal(await withinTime(1000, async () => 7), 7);
  await assert.rejects(
    withinTime(1000, async () => {
      throw new RangeError("own");
    }),
    RangeError,
  );
  const stuck = Promise.withResolvers<never>();
  await assert.rejects(
    withinTime(1, async () => stuck.promise),
    (error: unknown) =>
      error instanceof ApiError &&
      error.code === 504 &&
      error.reason === "Timeout" &&
      error.message === "Timeout: request did not complete within the allotted timeout",
  );
});
