import assert from "node:assert/strict";
import { test } from "node:test";
import type { EnvVar, Pod } from "../../api/pod/type.ts";
import { ContainerConfigError, containerCommand, containerEnvironment, expand } from "./environment.ts";

const pod: Pod = {
  metadata: {
    name: "web-1",
    namespace: "shop",
    uid: "u-1",
    labels: { app: "web" },
    annotations: { "a.b/c": "d" },
  },
  spec: { nodeName: "node-a", serviceAccountName: "robot", containers: [] },
};
const facts = { podIPs: ["10.244.0.2", "fd00::2"], hostIPs: ["10.244.0.1", "fd00::1"] };
const environment = (env: EnvVar[], own: NodeJS.ProcessEnv = {}): Record<string, string> =>
  containerEnvironment(pod, { name: "main", env }, facts, own);

test("variables are expanded as v1 Container says", () => {
  const variables = { A: "1", "B C": "2", toString: "own" };
  const table: [string, string][] = [
    ["$(A)", "1"],
    ["x$(A)y$(A)", "x1y1"],
    ["$(B C)", "2"],
    ["$(MISSING)", "$(MISSING)"],
    ["$(constructor)", "$(constructor)"],
    ["$(toString)", "own"],
    ["$$(A)", "$(A)"],
    ["$$$(A)", "$1"],
    ["$$$$(A)", "$$(A)"],
    ["$A ${A} $", "$A ${A} $"],
    ["$(A", "$(A"],
    ["$()", "$()"],
  ];
  for (const [text, expanded] of table) assert.equal(expand(text, variables), expanded, text);
});

test("a variable sees those before it, and not itself or those after it", () => {
  const made = environment([
    { name: "A", value: "$(B)" },
    { name: "B", value: "$(POD_NAME)" },
    { name: "C", value: "$(B)!" },
    { name: "C", value: "$(C)$(C)" },
  ]);
  assert.deepEqual([made["A"], made["B"], made["C"]], ["$(B)", "web-1", "web-1!web-1!"]);
});

test("fields of the pod become variables", () => {
  const table: [string, string][] = [
    ["metadata.name", "web-1"],
    ["metadata.namespace", "shop"],
    ["metadata.uid", "u-1"],
    ["metadata.labels['app']", "web"],
    ["metadata.labels['none']", ""],
    ["metadata.annotations['a.b/c']", "d"],
    ["spec.nodeName", "node-a"],
    ["spec.serviceAccountName", "robot"],
    ["status.podIP", "10.244.0.2"],
    ["status.podIPs", "10.244.0.2,fd00::2"],
    ["status.hostIP", "10.244.0.1"],
    ["status.hostIPs", "10.244.0.1,fd00::1"],
  ];
  for (const [fieldPath, value] of table)
    assert.equal(environment([{ name: "X", valueFrom: { fieldRef: { fieldPath } } }])["X"], value, fieldPath);
  assert.throws(() => environment([{ name: "X", valueFrom: { fieldRef: { fieldPath: "spec.x" } } }]), {
    name: "ContainerConfigError",
    message: /"spec\.x" is not a field/,
  });
});

test("values from config maps and secrets are refused unless they are optional", () => {
  const reference = { name: "n", key: "k" };
  assert.throws(
    () => environment([{ name: "X", valueFrom: { configMapKeyRef: reference } }]),
    ContainerConfigError,
  );
  assert.throws(
    () => environment([{ name: "X", valueFrom: { secretKeyRef: reference } }]),
    /env X comes from secrets/,
  );
  const optional = { secretKeyRef: { ...reference, optional: true } };
  assert.equal(environment([{ name: "X", valueFrom: optional }])["X"], "");
});

test("little is inherited, and a PATH is always there", () => {
  const made = environment([], { HOME: "/root", SECRET: "x", PATH: "/opt/bin" });
  assert.deepEqual([made["HOME"], made["SECRET"], made["PATH"]], ["/root", undefined, "/opt/bin"]);
  assert.match(environment([])["PATH"]!, /\/usr\/bin/);
});

test("a command is the container's command and its arguments; arguments alone are for an image", () => {
  const variables = { A: "1" };
  assert.deepEqual(containerCommand({ name: "c", command: ["x", "$(A)"], args: ["$(A)2"] }, variables), [
    "x",
    "1",
    "12",
  ]);
  assert.deepEqual(containerCommand({ name: "c", args: ["x"] }, variables), []);
  assert.deepEqual(containerCommand({ name: "c", command: [] }, variables), []);
});
