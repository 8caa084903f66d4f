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

test("a field that the sentence is about is not named again", () => {
  const errors = [
    { field: "gateway", message: "gateway 5.5.5.5 must be inside the subnet 100.1.9.0/24" },
    { field: "ports[1]", message: "ports[1].targetPort 0 must be between 1 and 65535, inclusive" },
    { field: "subnet", message: "subnet length 4 not supported: it may be 8 to 32 (subnet 10.0.0.0/4)" },
    { field: "subnet", message: "subnets are many" },
  ];
  assert.deepEqual(refusalLines(URL, 400, JSON.stringify({ error: "", errors })), [
    errors[0]!.message,
    errors[1]!.message,
    errors[2]!.message,
    "subnets are many (subnet)",
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
