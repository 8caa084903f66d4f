import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CONTIV_NAME_ANNOTATION } from "../api/meta/contiv-name-annotation.ts";
import { dns1035LabelComplaints, dns1123LabelComplaints } from "../api/validation/names.ts";
import { NAME } from "./fields.ts";
import { contivName, kubernetesName, nameAnnotation, splitKey } from "./names.ts";

test("a name that Kubernetes allows stays; another is cleaned and hashed", () => {
  assert.equal(kubernetesName("serviceLBs", "app-svc"), "app-svc");
  assert.equal(kubernetesName("networks", "net.1"), "net.1");
  assert.match(kubernetesName("serviceLBs", "App.Svc"), /^app-svc-[0-9a-f]{8}$/);
  assert.match(kubernetesName("serviceLBs", "1st"), /^n-1st-[0-9a-f]{8}$/);
  assert.match(kubernetesName("tenants", "blue.team"), /^blue-team-[0-9a-f]{8}$/);
  assert.deepEqual(nameAnnotation("serviceLBs", "app-svc"), {});
});

test("every name has one of Kubernetes' that leads back to it, and different names have different ones", () => {
  const kinds = fc.constantFrom("networks" as const, "tenants" as const, "serviceLBs" as const);
  const label = fc.stringMatching(/^[A-Za-z0-9]([-A-Za-z0-9]{0,40}[A-Za-z0-9])?$/);
  const name = fc.oneof(
    fc.array(label, { minLength: 1, maxLength: 6 }).map((labels) => labels.join(".")),
    fc.string(),
  );
  fc.assert(
    fc.property(kinds, name, name, (kind, one, other) => {
      const mapped = kubernetesName(kind, one);
      const complaints = kind === "serviceLBs" ? dns1035LabelComplaints : dns1123LabelComplaints;
      if (mapped !== one) assert.deepEqual(complaints(mapped), []);
      assert.equal(
        contivName(kind, { metadata: { name: mapped, annotations: nameAnnotation(kind, one) } }),
        NAME.test(one) ? one : mapped,
      );
      if (one !== other) assert.notEqual(mapped, kubernetesName(kind, other));
    }),
  );
});

test("an annotation that was copied to another object does not count", () => {
  const annotations = { [CONTIV_NAME_ANNOTATION]: "App.Svc" };
  assert.equal(contivName("serviceLBs", { metadata: { name: "other", annotations } }), "other");
});

test("an annotation with what Contiv allows in no name does not count, though the object's name fits it", () => {
  for (const text of ["a:b", "a\u001B[2J", "a\nb", "$(reboot)", "a b", "-a", ""]) {
    const name = kubernetesName("serviceLBs", text);
    const annotations = { [CONTIV_NAME_ANNOTATION]: text };
    assert.equal(contivName("serviceLBs", { metadata: { name, annotations } }), name);
  }
});

test("a key is a tenant and a name", () => {
  assert.deepEqual(splitKey("default:web"), { tenantName: "default", name: "web" });
  assert.deepEqual(splitKey(":"), { tenantName: "", name: "" });
  assert.equal(splitKey("web"), undefined);
});
