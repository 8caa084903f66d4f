/** Upstream: test/e2e/apimachinery/field_validation.go, without custom resources. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startCluster } from "./cluster.ts";
import { Refused, type Resource } from "./resource.ts";

const cluster = await startCluster();

/** As text, for only so a field can be there twice. */
function deployment(metadata: string, spec: string): string {
  return `{
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "my-dep", ${metadata} "labels": {"app": "nginx"}},
    "spec": {
      ${spec}
      "selector": {"matchLabels": {"app": "nginx"}},
      "template": {
        "metadata": {"labels": {"app": "nginx"}},
        "spec": {"containers": [{"name": "nginx", "image": "nginx:latest"}]}
      }
    }
  }`;
}

async function expectStrictError(resource: Resource<unknown>, body: string, expected: string): Promise<void> {
  const reply = await cluster.call(
    `${resource.path}?fieldManager=field_validation_mgr&fieldValidation=Strict`,
    { method: "POST", body },
  );
  assert.equal(reply.status, 400);
  const { message } = new Refused(resource.path, reply).status;
  assert.ok(message.includes(expected), `${message} does not say ${expected}`);
}

test("[sig-api-machinery] FieldValidation should detect unknown and duplicate fields of a typed object [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "field-validation");
  await expectStrictError(
    cluster.api.of("apps/v1", "deployments", ns),
    deployment("", '"unknownField": "foo", "replicas": 2, "replicas": 3,'),
    'strict decoding error: unknown field "spec.unknownField", duplicate field "spec.replicas"',
  );
});

test("[sig-api-machinery] FieldValidation should detect unknown metadata fields of a typed object [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "field-validation");
  await expectStrictError(
    cluster.api.of("apps/v1", "deployments", ns),
    deployment('"unknownMeta": "foo",', ""),
    'strict decoding error: unknown field "metadata.unknownMeta"',
  );
});
