/** Upstream: test/e2e/auth/service_accounts.go, subjectreviews.go and selfsubjectreviews.go, what needs no running pod. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type {
  V1ConfigMap,
  V1LocalSubjectAccessReview,
  V1SelfSubjectReview,
  V1ServiceAccount,
  V1SubjectAccessReview,
  V1TokenReview,
  AuthenticationV1TokenRequest,
} from "@kubernetes/client-node";
import { startCluster } from "./cluster.ts";
import { FOREVER, eventually } from "../lab/eventually.ts";
import type { Wire } from "./resource.ts";

const ROOT_CA = "kube-root-ca.crt";
const WATCH_SECONDS = 180;

const cluster = await startCluster();
const { api } = cluster;

test("[sig-auth] ServiceAccounts should run through the lifecycle of a ServiceAccount [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "svcaccounts");
  const accounts = api.core<V1ServiceAccount>("serviceaccounts", ns);
  const name = "testserviceaccount";
  const ours = { labelSelector: "test-serviceaccount-static=true" };
  const created = await accounts.create({
    metadata: { name, labels: { "test-serviceaccount-static": "true" } },
  });
  assert.equal((await accounts.get(name)).metadata!.uid, created.metadata!.uid);
  await using watch = await accounts.watch({ ...ours, timeoutSeconds: WATCH_SECONDS });
  const sees = (type: string): Promise<unknown> =>
    watch.until(WATCH_SECONDS * 1000, (event) => event.type === type);
  await sees("ADDED");

  // Go's encoding of a ServiceAccount of which only this field was set.
  await accounts.patch(name, "strategic", {
    metadata: { creationTimestamp: null },
    automountServiceAccountToken: false,
  });
  await sees("MODIFIED");
  const { items } = await api.core<V1ServiceAccount>("serviceaccounts").list(ours);
  const found = items.find(({ metadata }) => metadata!.name === name && metadata!.namespace === ns);
  assert.equal(found!.automountServiceAccountToken, false);

  await accounts.deleteCollection({});
  await sees("DELETED");
});

test("[sig-auth] ServiceAccounts should guarantee kube-root-ca.crt exist in any namespace [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "svcaccounts");
  const configMaps = api.core<V1ConfigMap>("configmaps", ns);
  await eventually("the root CA's ConfigMap is there", FOREVER, () => configMaps.find(ROOT_CA));
  await configMaps.delete(ROOT_CA, { gracePeriodSeconds: 0 });
  await eventually("it is there again", FOREVER, () => configMaps.find(ROOT_CA));
  await configMaps.update({ metadata: { name: ROOT_CA }, data: { "ca.crt": "" } });
  const text = await eventually("it says again what it must", FOREVER, async () => {
    const certificate = (await configMaps.find(ROOT_CA))?.data?.["ca.crt"] ?? "";
    return certificate === "" ? undefined : certificate;
  });
  assert.equal(text.trim(), cluster.credentials.ca.trim());
});

test("[sig-auth] ServiceAccounts should update a ServiceAccount [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "svcaccounts");
  const accounts = api.core<V1ServiceAccount>("serviceaccounts", ns);
  const metadata = { name: "e2e-sa-updated" };
  const created = await accounts.create({ metadata, automountServiceAccountToken: false });
  assert.equal(created.automountServiceAccountToken, false);
  const updated = await accounts.change(metadata.name, (account) => {
    account.automountServiceAccountToken = true;
  });
  assert.equal(updated.automountServiceAccountToken, true);
});

test("[sig-auth] ServiceAccounts should create a serviceAccountToken and ensure a successful TokenReview [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "svcaccounts");
  const name = "e2e-sa-token";
  await api.core("serviceaccounts", ns).create({ metadata: { name } });
  const request = await api.json<Wire<AuthenticationV1TokenRequest>>(
    `/api/v1/namespaces/${ns}/serviceaccounts/${name}/token`,
    { method: "POST", body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} } },
  );
  const { token } = request.status!;
  assert.notEqual(token, "");
  const review = await api
    .of<V1TokenReview>("authentication.k8s.io/v1", "tokenreviews")
    .create({ spec: { token } });
  assert.equal(review.status!.authenticated, true);
  assert.equal(review.status!.error ?? "", "");
});

test("[sig-auth] SubjectReview should support SubjectReview API operations [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "subjectreview");
  const account = await api
    .core<V1ServiceAccount>("serviceaccounts", ns)
    .create({ metadata: { name: "e2e" } });
  const user = `system:serviceaccount:${ns}:e2e`;
  const groups = ["system:authenticated", "system:serviceaccounts", `system:serviceaccounts:${ns}`];
  const uid = account.metadata!.uid!;
  const resourceAttributes = { verb: "list", resource: "configmaps", namespace: ns, version: "v1" };
  const review = await api
    .of<V1SubjectAccessReview>("authorization.k8s.io/v1", "subjectaccessreviews")
    .create({ spec: { resourceAttributes, user, groups, uid } });

  const reply = await cluster.call(`/api/v1/namespaces/${ns}/configmaps`, {
    headers: {
      "impersonate-user": user,
      "impersonate-uid": uid,
      // Go repeats the header; joined, it is one group's name.
      "impersonate-group": groups as never,
    },
  });
  assert.ok(reply.status === 200 || reply.status === 403, reply.text);
  const allowed = reply.status === 200;
  assert.equal(review.status!.allowed, allowed);

  const local = await api
    .of<V1LocalSubjectAccessReview>("authorization.k8s.io/v1", "localsubjectaccessreviews", ns)
    .create({ metadata: { namespace: ns }, spec: { resourceAttributes, user: "e2e", groups, uid } });
  assert.equal(local.status!.allowed, allowed);
});

test("[sig-auth] SelfSubjectReview should support SelfSubjectReview API operations [Conformance]", async () => {
  const review = await api.json<Wire<V1SelfSubjectReview>>(
    "/apis/authentication.k8s.io/v1/selfsubjectreviews",
    {
      method: "POST",
      body: { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" },
      headers: {
        "content-type": "application/json",
        "impersonate-user": "jane-doe",
        "impersonate-uid": "uniq-id",
        "impersonate-group": ["system:authenticated", "developers"] as never,
        "impersonate-extra-known-languages": ["python", "javascript"] as never,
      },
    },
  );
  const { username, uid, groups, extra } = review.status!.userInfo!;
  assert.equal(username, "jane-doe");
  assert.equal(uid, "uniq-id");
  assert.deepEqual(groups, ["system:authenticated", "developers"]);
  assert.deepEqual(extra!["known-languages"], ["python", "javascript"]);
});
