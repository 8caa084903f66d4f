import assert from "node:assert/strict";
import { test } from "node:test";
import type { Container, EnvVar, Pod } from "../../api/pod/type.ts";
import { containerCommand, containerEnvironment, expand } from "./environment.ts";
import { NO_SOURCES } from "./environment-sources.ts";

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
const facts = { hostname: "web-1", podIPs: ["10.244.0.2", "fd00::2"], hostIPs: ["10.244.0.1", "fd00::1"] };
const environment = (env: EnvVar[], own: NodeJS.ProcessEnv = {}): Record<string, string> =>
  containerEnvironment(pod, { name: "main", env }, facts, own, { services: {}, ...NO_SOURCES });

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

test("values come from config maps and secrets; one that is missing keeps the container from starting unless it is optional", () => {
  const cluster = {
    services: { WEB_SERVICE_HOST: "10.96.0.7", B: "a service's" },
    configMaps: new Map([["settings", { a: "1", B: "2" }]]),
    secrets: new Map([["keys", { token: "t" }]]),
  };
  const made = (container: Partial<Container>): Record<string, string> =>
    containerEnvironment(pod, { name: "main", ...container }, facts, {}, cluster);
  const setting = (name: string, key: string): EnvVar => ({
    name: "X",
    valueFrom: { configMapKeyRef: { name, key } },
  });
  assert.equal(made({ env: [setting("settings", "a")] })["X"], "1");
  const token = { secretKeyRef: { name: "keys", key: "token" } };
  assert.equal(made({ env: [{ name: "X", valueFrom: token }] })["X"], "t");
  const all = made({
    envFrom: [{ configMapRef: { name: "settings" } }, { prefix: "K_", secretRef: { name: "keys" } }],
    env: [{ name: "Y", value: "$(a) $(K_token) $(WEB_SERVICE_HOST)" }],
  });
  assert.deepEqual([all["B"], all["K_token"], all["Y"]], ["2", "t", "1 t 10.96.0.7"]);

  const table: [Partial<Container>, string][] = [
    [{ env: [setting("none", "a")] }, 'configmap "none" not found'],
    [{ env: [setting("settings", "c")] }, "couldn't find key c in ConfigMap shop/settings"],
    [
      { env: [setting("settings", "constructor")] },
      "couldn't find key constructor in ConfigMap shop/settings",
    ],
    [{ envFrom: [{ secretRef: { name: "none" } }] }, 'secret "none" not found'],
  ];
  for (const [container, message] of table)
    assert.throws(() => made(container), { name: "MissingReferenceError", message });
  const optional = { configMapKeyRef: { name: "none", key: "k", optional: true } };
  assert.equal("X" in made({ env: [{ name: "X", valueFrom: optional }] }), false);
  assert.doesNotThrow(() => made({ envFrom: [{ configMapRef: { name: "none", optional: true } }] }));
  assert.throws(
    () => made({ env: [{ name: "X", valueFrom: { resourceFieldRef: { resource: "limits.cpu" } } }] }),
    { name: "ContainerConfigError", message: /env X comes from resourceFieldRef/ },
  );
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
