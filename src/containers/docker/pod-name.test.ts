import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  dns1123LabelComplaints,
  dns1123SubdomainComplaints,
  labelValueComplaints,
  qualifiedNameComplaints,
} from "../../api/validation/names.ts";
import { ID } from "./container-fixture.ts";
import { fallbackPodName, podLabels, podName, specContainerName } from "./pod-name.ts";

test("a container's name that is a DNS name stays; another becomes one, and says which container it is", () => {
  const table: [string, string][] = [
    ["web-1", "web-1"],
    ["a.b", "a.b"],
    ["7days", "7days"],
    ["my_app_1", "my-app-1-2c30b978"],
    ["Web", "web-2c30b978"],
    ["trailing-", "trailing-2c30b978"],
    ["a..b", "a.b-2c30b978"],
    ["a_.b", "a.b-2c30b978"],
    ["x".repeat(254), `${"x".repeat(244)}-2c30b978`],
  ];
  for (const [name, pod] of table) assert.equal(podName({ Id: ID, Name: `/${name}` }), pod, name);
  assert.equal(fallbackPodName({ Id: ID, Name: "/web-1" }), "web-1-2c30b978");
});

/** What Docker accepts: moby daemon/names, RestrictedNameChars. */
const containerNames = fc.stringMatching(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,300}$/);

test("every name that Docker accepts gives names that Kubernetes accepts", () => {
  fc.assert(
    fc.property(containerNames, (name) => {
      const of = { Id: ID, Name: `/${name}` };
      for (const pod of [podName(of), fallbackPodName(of)]) {
        assert.deepEqual(dns1123SubdomainComplaints(pod), []);
        assert.deepEqual(dns1123LabelComplaints(specContainerName(pod)), []);
      }
    }),
  );
});

test("labels that Kubernetes refuses are named with the reason, and the others are kept", () => {
  const { labels, unusable } = podLabels({
    tier: "web",
    empty: "",
    "com.docker.compose.service": "web",
    "com.docker.compose.project.working_dir": "/srv/app",
    "a key": "x",
    "fairlead.dev/runtime": "mine",
    "fairlead.dev/namespace": "Shop",
  });
  assert.deepEqual(labels, {
    tier: "web",
    empty: "",
    "com.docker.compose.service": "web",
    "fairlead.dev/namespace": "Shop",
    "fairlead.dev/runtime": "docker",
  });
  assert.deepEqual(Object.keys(unusable).sort(), [
    "a key",
    "com.docker.compose.project.working_dir",
    "fairlead.dev/namespace",
  ]);
  assert.match(
    unusable["com.docker.compose.project.working_dir"]!,
    /^the value "\/srv\/app": a valid label must/,
  );
  assert.match(unusable["a key"]!, /^the key "a key": name part must/);
  assert.match(unusable["fairlead.dev/namespace"]!, /^the namespace "Shop": a lowercase/);
});

test("whatever the labels, the Pod's are valid and none is lost without a word", () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[A-Za-z0-9._/-]{0,70}$/));
  fc.assert(
    fc.property(fc.dictionary(text, text), (of) => {
      const { labels, unusable } = podLabels(of);
      for (const [key, value] of Object.entries(labels))
        assert.deepEqual([...qualifiedNameComplaints(key), ...labelValueComplaints(value)], []);
      for (const key of Object.keys(of)) assert.ok(key in labels || key in unusable, key);
    }),
  );
});
