import assert from "node:assert/strict";
import { test } from "node:test";
import { structure } from "../schema/json/structure.ts";
import { podKind } from "./kind.ts";
import type { Pod } from "./type.ts";

const PLAIN = {
  metadata: { name: "a", namespace: "default" },
  spec: {
    initContainers: [{ name: "init", image: "i", env: [{ name: "A", valueFrom: {} }] }],
    containers: [{ name: "c", image: "i", lifecycle: { preStop: { sleep: { seconds: 1 } } } }],
    volumes: [{ name: "v", projected: { sources: [{ secret: { name: "s" } }, {}] } }],
  },
};

/** The same with every field that is behind a gate which is off. */
const GATED = structuredClone(PLAIN) as unknown as Pod;
GATED.spec!.hostnameOverride = "host";
GATED.spec!.initContainers![0]!.env![0]!.valueFrom!.fileKeyRef = { volumeName: "v", path: "p", key: "k" };
GATED.spec!.initContainers![0]!.restartPolicyRules = [{ action: "Restart" }];
GATED.spec!.containers[0]!.lifecycle!.stopSignal = "SIGUSR1";
GATED.spec!.volumes![0]!.projected!.sources[1]!.podCertificate = { signerName: "a/b", keyType: "ED25519" };

const read = (value: unknown): Pod => structure(podKind.schema, value).object;

test("fields behind gates that are off are dropped from new pods", () => {
  const [plain, gated] = [read(PLAIN), read(GATED)];
  podKind.prepareForCreate(plain);
  podKind.prepareForCreate(gated);
  assert.deepEqual(gated, plain);
});

test("a pod that has such fields keeps them when it is written again", () => {
  const kept = read(GATED);
  podKind.prepareForUpdate(kept, read(GATED));
  assert.deepEqual(kept.spec, read(GATED).spec);
  const added = read(GATED);
  podKind.prepareForUpdate(added, read(PLAIN));
  assert.deepEqual(added.spec, read(PLAIN).spec);
});
