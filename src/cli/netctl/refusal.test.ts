import assert from "node:assert/strict";
import { test } from "node:test";
import { refusalLines } from "./refusal.ts";

const URL = "http://netmaster:9999";

test("all that a refusal says is said, in its words, with the fields they are about", () => {
  const errors = [
    { field: "ports[1]", message: "Invalid Port maping . Port format is - Port:TargetPort:Protocol" },
    { message: "Tenant blue not found" },
  ];
  assert.deepEqual(refusalLines(URL, 400, JSON.stringify({ error: errors[0]!.message, errors, code: 400 })), [
    "Invalid Port maping . Port format is - Port:TargetPort:Protocol (ports[1])",
    "Tenant blue not found",
  ]);
});

test("a refusal without a list, a Kubernetes Status, plain text and nothing at all are understood too", () => {
  assert.deepEqual(refusalLines(URL, 409, '{"error":"taken","errors":[],"code":409}'), ["taken"]);
  const status = { kind: "Status", message: 'services is forbidden: User "bob" cannot list', code: 403 };
  assert.deepEqual(refusalLines(URL, 403, JSON.stringify(status)), [status.message]);
  assert.deepEqual(refusalLines(URL, 500, "serviceLB not found\n"), ["serviceLB not found"]);
  assert.deepEqual(refusalLines(URL, 502, ""), ["http://netmaster:9999 answered 502 Bad Gateway"]);
  assert.deepEqual(refusalLines(URL, 500, "null"), ["null"]);
});

test("who is not known is told how to become so", () => {
  assert.match(
    refusalLines(URL, 401, '{"message":"Unauthorized"}')[0]!,
    /^Unauthorized: log in with `netctl /,
  );
});
