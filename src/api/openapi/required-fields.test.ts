/**
 * Compares the fields and the required ones with those of a client that was generated from Kubernetes' own OpenAPI
 * (@kubernetes/client-node). kubectl refuses objects without a required field before it sends them.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { everySchema } from "../schema/every-schema.ts";

const MODELS = new URL("../../../node_modules/@kubernetes/client-node/dist/gen/models/", import.meta.url);

/** The client is generated from Kubernetes 1.36: what that version has or says otherwise than 1.34. */
const NEWER_FIELDS: ReadonlySet<string> = new Set([
  "CustomResourceDefinitionStatus.observedGeneration",
  "NodeStatus.declaredFeatures",
  "PodSpec.schedulingGroup",
  "PodStatus.allocatedResources",
  "PodStatus.resources",
  "PodCertificateProjection.userAnnotations",
  "PodStatus.nodeAllocatableResourceClaimStatuses",
  "VolumeMountStatus.volumeStatus",
  "ResourceHealth.message",
]);
const NEWER_REQUIREMENTS: ReadonlySet<string> = new Set([
  "EndpointSlice.endpoints",
  "IPAddress.spec",
  "IPAddressSpec.parentRef",
  "ParentReference.resource",
  "ParentReference.name",
  "RoleRef.apiGroup",
  "TokenRequest.spec",
  "TokenRequestSpec.audiences",
  "TokenRequestStatus.token",
  "TokenRequestStatus.expirationTimestamp",
  "TokenReviewSpec.token",
]);
/** Every kind's metadata is described alike here, though core Event's tag differs. */
const OURS: ReadonlySet<string> = new Set(["Event.metadata"]);

const PREFIXES: Readonly<Record<string, string>> = {
  core: "Core",
  discovery: "Discovery",
  events: "Events",
  authentication: "Authentication",
};

/** Whether each property of the generated class is required, by its name in JSON. */
function propertiesOf(model: string): Map<string, boolean> {
  const text = readFileSync(new URL(`${model}.d.ts`, MODELS), "utf8");
  const lines = text.matchAll(/^ {4}'_?([\w$]+)'(\?)?: /gm);
  return new Map([...lines].map(([, name, optional]) => [name!, optional === undefined]));
}

test("the fields, and those that a client must send, are the ones of Kubernetes' OpenAPI", () => {
  const models = new Set(readdirSync(MODELS).map((file) => file.replace(/\.d\.ts$/, "")));
  let compared = 0;
  for (const [name, schema] of everySchema()) {
    const [group, version, type] = name.split(".").slice(-3) as [string, string, string];
    const plain = `${version[0]!.toUpperCase()}${version.slice(1)}${type}`;
    const model = [`${PREFIXES[group] ?? ""}${plain}`, plain].find((candidate) => models.has(candidate));
    // Types of which two groups have one of the same name are numbered; nobody here needs them.
    if (model === undefined) continue;
    const theirs = propertiesOf(model);
    for (const [field, { required, optional }] of schema.fields) {
      const full = `${type}.${field}`;
      // The generator makes identifiers of the names.
      const identifier = field.replace(/^\$/, "").replaceAll("-", "_");
      const listed = theirs.get(identifier);
      assert.ok(listed !== undefined, `${full} is no field of Kubernetes`);
      theirs.delete(identifier);
      if (!NEWER_REQUIREMENTS.has(full) && !OURS.has(full))
        assert.equal(optional === undefined ? required : !optional, listed, `whether ${full} is required`);
      compared++;
    }
    const missing = [...theirs.keys()].map((field) => `${type}.${field}`);
    assert.deepEqual(
      missing.filter((field) => !NEWER_FIELDS.has(field)),
      [],
    );
  }
  assert.ok(compared > 800, `only ${compared} fields were compared`);
});
