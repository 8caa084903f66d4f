/** Who may do what, over HTTPS: RBAC as a client with a certificate of its own meets it. Needs no root. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemoryStore } from "../src/store/memory/memory-store.ts";
import { type ApiFixture, startApi } from "./api-fixture.ts";
import { createUser } from "./user-fixture.ts";

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const REVIEWS = "/apis/authorization.k8s.io/v1";
const NS = "/api/v1/namespaces/default";
const GROUP = "rbac.authorization.k8s.io";
const JSON_TYPE = { "content-type": "application/json" };

type Rules = readonly object[];

async function make(api: ApiFixture, path: string, body: object): Promise<void> {
  const reply = await api.call(path, { method: "POST", body });
  assert.equal(reply.status, 201, reply.text);
}

async function role(api: ApiFixture, name: string, rules: Rules, more: object = {}): Promise<void> {
  const body = { apiVersion: `${GROUP}/v1`, kind: "ClusterRole", metadata: { name, ...more }, rules };
  await make(api, `${RBAC}/clusterroles`, body);
}

function binding(name: string, roleName: string, user: string, namespace?: string): object {
  return {
    apiVersion: `${GROUP}/v1`,
    kind: namespace === undefined ? "ClusterRoleBinding" : "RoleBinding",
    metadata: { name, ...(namespace !== undefined && { namespace }) },
    subjects: [{ kind: "User", name: user }],
    roleRef: { apiGroup: GROUP, kind: "ClusterRole", name: roleName },
  };
}

async function bind(api: ApiFixture, roleName: string, user: string, namespace?: string): Promise<void> {
  const where = namespace === undefined ? "clusterrolebindings" : `namespaces/${namespace}/rolebindings`;
  await make(api, `${RBAC}/${where}`, binding(`${roleName}-${user}`, roleName, user, namespace));
}

function service(name: string): object {
  return { apiVersion: "v1", kind: "Service", metadata: { name }, spec: { ports: [{ port: 80 }] } };
}

test("a user without rights is told what they may not, in upstream's words", async (t) => {
  const api = await startApi(t);
  const jane = await createUser(t, api, "jane", "dev");
  const rows: [string, string, string, string?][] = [
    [
      "GET",
      `${NS}/services/web`,
      'services "web" is forbidden: User "jane" cannot get resource "services" in API group "" in the namespace "default"',
    ],
    [
      "GET",
      `${NS}/services`,
      'services is forbidden: User "jane" cannot list resource "services" in API group "" in the namespace "default"',
    ],
    [
      "GET",
      `${NS}/services?watch=true`,
      'services is forbidden: User "jane" cannot watch resource "services" in API group "" in the namespace "default"',
    ],
    [
      "GET",
      `${NS}/services?fieldSelector=metadata.name%3Dweb`,
      'services "web" is forbidden: User "jane" cannot list resource "services" in API group "" in the namespace "default"',
    ],
    [
      "GET",
      "/api/v1/services",
      'services is forbidden: User "jane" cannot list resource "services" in API group "" at the cluster scope',
    ],
    [
      "POST",
      `${NS}/services`,
      'services is forbidden: User "jane" cannot create resource "services" in API group "" in the namespace "default"',
    ],
    [
      "PUT",
      `${NS}/services/web`,
      'services "web" is forbidden: User "jane" cannot update resource "services" in API group "" in the namespace "default"',
    ],
    [
      "PATCH",
      `${NS}/services/web/status`,
      'services "web" is forbidden: User "jane" cannot patch resource "services/status" in API group "" in the namespace "default"',
    ],
    [
      "DELETE",
      `${NS}/services/web`,
      'services "web" is forbidden: User "jane" cannot delete resource "services" in API group "" in the namespace "default"',
    ],
    [
      "DELETE",
      `${NS}/services`,
      'services is forbidden: User "jane" cannot deletecollection resource "services" in API group "" in the namespace "default"',
    ],
    [
      "GET",
      "/api/v1/nodes/a",
      'nodes "a" is forbidden: User "jane" cannot get resource "nodes" in API group "" at the cluster scope',
    ],
    [
      "GET",
      "/api/v1/namespaces/default",
      'namespaces "default" is forbidden: User "jane" cannot get resource "namespaces" in API group "" in the namespace "default"',
    ],
    [
      "GET",
      "/apis/discovery.k8s.io/v1/endpointslices",
      'endpointslices.discovery.k8s.io is forbidden: User "jane" cannot list resource "endpointslices" in API group "discovery.k8s.io" at the cluster scope',
    ],
    [
      "GET",
      "/apis/example.com/v1/foos/bar",
      'foos.example.com "bar" is forbidden: User "jane" cannot get resource "foos" in API group "example.com" at the cluster scope',
    ],
    ["GET", "/metrics", 'forbidden: User "jane" cannot get path "/metrics"'],
    ["GET", "/logs/<b>&", 'forbidden: User "jane" cannot get path "/logs/&lt;b&gt;&amp;"'],
    ["HEAD", "/healthz", ""],
    [
      "OPTIONS",
      `${NS}/services`,
      'services is forbidden: User "jane" cannot  resource "services" in API group "" in the namespace "default"',
    ],
  ];
  for (const [method, path, message] of rows) {
    const reply = await jane.call(path, { method });
    assert.equal(reply.status, 403, `${method} ${path}`);
    if (method === "HEAD") continue;
    const { message: said, reason } = reply.json();
    assert.deepEqual([said, reason], [message, "Forbidden"]);
  }
  const { details } = (await jane.call(`${NS}/services/web`)).json();
  assert.deepEqual(details, { name: "web", kind: "services" });
  for (const path of ["/api", "/apis", "/api/v1", "/apis/apps/v1", "/version", "/openapi/v3", "/livez"])
    assert.equal((await jane.call(path)).status, 200, path);
});

test("without a certificate a bad token is 401, no token is system:anonymous", async (t) => {
  const api = await startApi(t);
  const bad = await api.call(`${NS}/services`, {
    anonymous: true,
    headers: { authorization: "Bearer nonsense" },
  });
  assert.equal(bad.status, 401);
  assert.equal(bad.json()["message"], "Unauthorized");
  const none = await api.call(`${NS}/services`, { anonymous: true });
  assert.equal(none.status, 403);
  assert.match(none.text, /services is forbidden: User \\"system:anonymous\\" cannot list/);
});

test("a path that is written another way opens nothing", async (t) => {
  const api = await startApi(t);
  const jane = await createUser(t, api, "jane");
  await role(api, "one-secret", [
    { verbs: ["get"], apiGroups: [""], resources: ["services"], resourceNames: ["mine"] },
    { verbs: ["get"], nonResourceURLs: ["/healthz/*", "/public/*"] },
  ]);
  await bind(api, "one-secret", "jane");
  await make(api, `${NS}/services`, service("mine"));
  await make(api, `${NS}/services`, service("other"));
  assert.equal((await jane.call(`${NS}/services/mine`)).status, 200);
  const tricks = [
    `${NS}/services/other`,
    `${NS}/services/other/`,
    `${NS}/services/mine/../other`,
    `${NS}/services/mine%2f..%2fother`,
    `${NS}/services/mine%2Fother`,
    `${NS}/services/mine;/../other`,
    `${NS}/services/..;/services/other`,
    `${NS}//services/other`,
    `${NS}/./services/other`,
    `//api/v1/namespaces/default/services/other`,
    `/api//v1/namespaces/default/services/other`,
    `/API/v1/namespaces/default/services/other`,
    `${NS}/Services/other`,
    `${NS}/services/Other`,
    `${NS}/services/%6fther`,
    `${NS}/services/other%00`,
    `${NS}/services/other%20`,
    `${NS}/services/mine%23/other`,
    `${NS}/services?fieldSelector=metadata.name%3Dmine`,
    `${NS}/services/?fieldSelector=metadata.name%3Dmine`,
    `/public/../api/v1/namespaces/default/services/other`,
    `/healthz/../api/v1/namespaces/default/services/other`,
    `/healthz/..%2fmetrics`,
    `/healthz/../metrics`,
    `/metrics`,
    `/metrics/`,
    `https://x/api/v1/namespaces/default/services/other`,
  ];
  for (const path of tricks) {
    const { status, text } = await jane.call(path);
    assert.ok([400, 403, 404].includes(status), `${path}: ${status} ${text}`);
    assert.ok(!text.includes("clusterIP"), path);
  }
});

test("a binding is in force for the very next request, and so is its end", async (t) => {
  const api = await startApi(t);
  const jane = await createUser(t, api, "jane");
  await role(api, "reader", [{ verbs: ["list"], apiGroups: [""], resources: ["services"] }]);
  for (let i = 0; i < 50; i++) {
    await bind(api, "reader", "jane");
    assert.equal((await jane.call("/api/v1/services")).status, 200, `round ${i}`);
    const gone = await api.call(`${RBAC}/clusterrolebindings/reader-jane`, { method: "DELETE" });
    assert.equal(gone.status, 200);
    assert.equal((await jane.call("/api/v1/services")).status, 403, `round ${i}`);
  }
});

test("rights end at the namespace of a RoleBinding, at verbs, names and subresources", async (t) => {
  const api = await startApi(t);
  const jane = await createUser(t, api, "jane");
  await role(api, "web-editor", [
    {
      verbs: ["get", "update", "patch", "list"],
      apiGroups: [""],
      resources: ["services"],
      resourceNames: ["web"],
    },
  ]);
  await bind(api, "web-editor", "jane", "default");
  await make(api, `${NS}/services`, service("web"));
  assert.equal(await jane.outcome(`${NS}/services/web`), "200");
  assert.equal(await jane.outcome(`${NS}/services?fieldSelector=metadata.name=web`), "200");
  for (const [method, path] of [
    ["GET", `${NS}/services/web/status`],
    ["GET", `${NS}/services`],
    ["GET", `${NS}/services/db`],
    ["GET", `${NS}/services?fieldSelector=metadata.name!=web`],
    ["GET", `${NS}/services?fieldSelector=metadata.name=web&watch=1`],
    ["GET", "/api/v1/namespaces/kube-system/services/web"],
    ["DELETE", `${NS}/services/web`],
    ["GET", "/api/v1/services?fieldSelector=metadata.name=web"],
  ] as const)
    assert.match(await jane.outcome(path, { method }), /^403: /, `${method} ${path}`);
  // Who may update may not create by updating.
  assert.equal((await api.call(`${NS}/services/web`, { method: "DELETE" })).status, 200);
  assert.equal(
    await jane.outcome(`${NS}/services/web`, { method: "PUT", body: service("web") }),
    '403: services "web" is forbidden: User "jane" cannot create resource "services" in API group "" in the namespace "default"',
  );
  const apply = {
    method: "PATCH",
    headers: { "content-type": "application/apply-patch+yaml" },
    body: JSON.stringify(service("web")),
  };
  assert.match(
    await jane.outcome(`${NS}/services/web?fieldManager=t`, apply),
    /^403: services "web" is forbidden: User "jane" cannot create resource "services"/,
  );
  assert.equal((await api.call(`${NS}/services/web`)).status, 404);
});

test("nobody grants what they do not hold", async (t) => {
  const api = await startApi(t);
  const jane = await createUser(t, api, "jane", "dev");
  await role(
    api,
    "rbac-writer",
    [
      {
        verbs: ["*"],
        apiGroups: [GROUP],
        resources: ["roles", "rolebindings", "clusterroles", "clusterrolebindings"],
      },
      { verbs: ["get", "list"], apiGroups: [""], resources: ["pods"] },
    ].map((rule, i) => (i === 0 ? { ...rule, verbs: ["get", "create", "update", "patch"] } : rule)),
  );
  await bind(api, "rbac-writer", "jane");
  const roles = `${RBAC}/namespaces/default/roles`;
  const body = (name: string, ...rules: object[]): object => ({
    apiVersion: `${GROUP}/v1`,
    kind: "Role",
    metadata: { name },
    rules,
  });
  const pods = (...verbs: string[]): object => ({ verbs, apiGroups: [""], resources: ["pods"] });
  assert.equal(await jane.outcome(roles, { method: "POST", body: body("a", pods("get")) }), "201");
  const secrets = { verbs: ["get", "list"], apiGroups: [""], resources: ["secrets", "pods/exec"] };
  assert.equal(
    await jane.outcome(roles, { method: "POST", body: body("b", pods("get", "watch"), secrets) }),
    '403: roles.rbac.authorization.k8s.io "b" is forbidden: user "jane" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n' +
      '{APIGroups:[""], Resources:["pods"], Verbs:["watch"]}\n' +
      '{APIGroups:[""], Resources:["pods/exec"], Verbs:["get" "list"]}\n' +
      '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}',
  );
  assert.match(
    await jane.outcome(`${roles}/a`, { method: "PUT", body: body("a", pods("*")) }),
    /^403: .*not currently held/s,
  );
  const patch = {
    method: "PATCH",
    headers: { "content-type": "application/merge-patch+json" },
    body: { rules: [pods("delete")] },
  };
  assert.match(await jane.outcome(`${roles}/a`, patch), /^403: .*Verbs:\["delete"\]/s);
  assert.match(
    await jane.outcome(`${roles}/new`, { method: "PUT", body: body("new", pods("delete")) }),
    /^403: /,
  );
  const bindings = `${RBAC}/clusterrolebindings`;
  assert.match(
    await jane.outcome(bindings, { method: "POST", body: binding("root", "cluster-admin", "jane") }),
    /^403: clusterrolebindings\.rbac\.authorization\.k8s\.io "root" is forbidden: .*\{APIGroups:\["\*"\], Resources:\["\*"\], Verbs:\["\*"\]\}\n\{NonResourceURLs:\["\*"\], Verbs:\["\*"\]\}$/s,
  );
  assert.equal(
    await jane.outcome(bindings, { method: "POST", body: binding("none", "nothing", "jane") }),
    '404: clusterroles.rbac.authorization.k8s.io "nothing" not found',
  );
  assert.equal(
    await jane.outcome(`${RBAC}/clusterroles`, {
      method: "POST",
      body: {
        apiVersion: `${GROUP}/v1`,
        kind: "ClusterRole",
        metadata: { name: "agg" },
        aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: "b" } }] },
      },
    }),
    '403: clusterroles.rbac.authorization.k8s.io "agg" is forbidden: must have cluster-admin privileges to use the aggregationRule',
  );
  // With the verbs for it they may.
  await role(api, "granter", [
    { verbs: ["escalate"], apiGroups: [GROUP], resources: ["roles"] },
    { verbs: ["bind"], apiGroups: [GROUP], resources: ["clusterroles"], resourceNames: ["view"] },
  ]);
  await bind(api, "granter", "jane");
  assert.equal(await jane.outcome(roles, { method: "POST", body: body("b", pods("*")) }), "201");
  assert.equal(await jane.outcome(bindings, { method: "POST", body: binding("v", "view", "jane") }), "201");
  assert.match(
    await jane.outcome(bindings, { method: "POST", body: binding("e", "edit", "jane") }),
    /^403: /,
  );
});

test("ClusterRoles gather the rules of others, through as many as there are", async (t) => {
  const api = await startApi(t);
  const rulesOf = async (name: string): Promise<string> =>
    JSON.stringify((await api.call(`${RBAC}/clusterroles/${name}`)).json()["rules"]);
  assert.match(await rulesOf("view"), /endpointslices/);
  assert.match(await rulesOf("edit"), /endpointslices.*|serviceaccounts\/token/);
  assert.match(await rulesOf("admin"), /rolebindings/);
  const widgets = [{ verbs: ["get"], apiGroups: ["example.com"], resources: ["widgets"] }];
  const labels = { [`${GROUP}/aggregate-to-view`]: "true" };
  await role(api, "widget-viewer", widgets, { labels });
  const until = async (name: string, there: boolean): Promise<void> => {
    const deadline = Date.now() + 5000;
    while ((await rulesOf(name)).includes("widgets") !== there)
      assert.ok(Date.now() < deadline, `${name} is not as it should be`);
  };
  for (const name of ["view", "edit", "admin"]) await until(name, true);
  // What somebody writes into the rules of an aggregated role is taken out again.
  await api.call(`${RBAC}/clusterroles/view`, {
    method: "PATCH",
    headers: { "content-type": "application/merge-patch+json" },
    body: { rules: [] },
  });
  await until("view", true);
  await api.call(`${RBAC}/clusterroles/widget-viewer`, { method: "DELETE" });
  for (const name of ["view", "edit", "admin"]) await until(name, false);
});

test("the bootstrap policy is repaired at start, but not where it says not to", async (t) => {
  const store = createMemoryStore();
  const first = await startApi({ after: () => {} }, { store });
  const patch = async (path: string, body: object): Promise<void> => {
    const headers = { "content-type": "application/merge-patch+json" };
    const reply = await first.call(`${RBAC}/${path}`, { method: "PATCH", headers, body });
    assert.equal(reply.status, 200, reply.text);
  };
  const own = { verbs: ["get"], nonResourceURLs: ["/own"] };
  await patch("clusterroles/system:discovery", { rules: [own] });
  await patch("clusterroles/system:basic-user", {
    metadata: { annotations: { "rbac.authorization.kubernetes.io/autoupdate": "false" } },
    rules: [own],
  });
  await patch("clusterrolebindings/system:discovery", {
    subjects: [{ kind: "User", name: "joe", apiGroup: GROUP }],
  });
  await first.call(`${RBAC}/clusterroles/system:public-info-viewer`, { method: "DELETE" });
  await first.server.close();

  const api = await startApi(t, { store });
  const get = async (path: string): Promise<string> => (await api.call(`${RBAC}/${path}`)).text;
  assert.match(await get("clusterroles/system:discovery"), /"\/own".*"\/openapi\/\*"/);
  assert.doesNotMatch(await get("clusterroles/system:basic-user"), /selfsubject/);
  assert.match(await get("clusterrolebindings/system:discovery"), /"joe".*"system:authenticated"/);
  assert.equal((await api.call("/livez", { anonymous: true })).status, 200);
});

test("impersonation needs the right for each part", async (t) => {
  const api = await startApi(t);
  const jane = await createUser(t, api, "jane");
  await role(api, "reader", [{ verbs: ["list"], apiGroups: [""], resources: ["services"] }]);
  await bind(api, "reader", "joe");
  const as = (headers: Record<string, string>) => ({ headers: { ...headers } });
  const path = "/api/v1/services";
  assert.equal(
    await jane.outcome(path, as({ "impersonate-user": "joe" })),
    '403: users "joe" is forbidden: User "jane" cannot impersonate resource "users" in API group "" at the cluster scope',
  );
  await role(api, "as-joe", [
    { verbs: ["impersonate"], apiGroups: [""], resources: ["users"], resourceNames: ["joe"] },
  ]);
  await bind(api, "as-joe", "jane");
  assert.equal(await jane.outcome(path, as({ "impersonate-user": "joe" })), "200");
  assert.match(
    await jane.outcome(path, as({ "impersonate-user": "root" })),
    /^403: users "root" is forbidden/,
  );
  assert.match(
    await jane.outcome(path, as({ "impersonate-user": "joe", "impersonate-group": "system:masters" })),
    /^403: groups "system:masters" is forbidden: User "jane" cannot impersonate/,
  );
  assert.match(await jane.outcome(path), /^403: services is forbidden: User "jane"/);
  // The administrator as somebody else has that one's rights and no more.
  assert.equal((await api.call("/api/v1/nodes", as({ "impersonate-user": "joe" }))).status, 403);
});

test("reviews say who may do what, and why", async (t) => {
  const api = await startApi(t);
  const jane = await createUser(t, api, "jane");
  await role(api, "reader", [{ verbs: ["list"], apiGroups: [""], resources: ["services"] }]);
  await bind(api, "reader", "jane", "default");
  const ask = async (kind: string, spec: object, where = ""): Promise<Record<string, unknown>> => {
    const path = `${REVIEWS}${where}/${kind.toLowerCase()}s`;
    const body = { apiVersion: "authorization.k8s.io/v1", kind, spec };
    const reply = await api.call(path, { method: "POST", body, headers: JSON_TYPE });
    return {
      code: reply.status,
      ...(reply.status === 201 ? (reply.json()["status"] as object) : { message: reply.json()["message"] }),
    };
  };
  const list = { verb: "list", resource: "services" };
  const reason = 'RBAC: allowed by RoleBinding "reader-jane/default" of ClusterRole "reader" to User "jane"';
  assert.deepEqual(
    await ask("SubjectAccessReview", { user: "jane", resourceAttributes: { ...list, namespace: "default" } }),
    { code: 201, allowed: true, reason },
  );
  assert.deepEqual(await ask("SubjectAccessReview", { user: "jane", resourceAttributes: list }), {
    code: 201,
    allowed: false,
  });
  assert.deepEqual(
    await ask("SubjectAccessReview", {
      groups: ["system:masters"],
      nonResourceAttributes: { verb: "get", path: "/x" },
    }),
    { code: 201, allowed: true },
  );
  assert.deepEqual(
    await ask(
      "LocalSubjectAccessReview",
      { user: "jane", resourceAttributes: { ...list, namespace: "default" } },
      "/namespaces/default",
    ),
    { code: 201, allowed: true, reason },
  );
  assert.match(
    String(
      (
        await ask(
          "LocalSubjectAccessReview",
          { user: "jane", resourceAttributes: { ...list, namespace: "other" } },
          "/namespaces/default",
        )
      )["message"],
    ),
    /spec\.resourceAttributes\.namespace: Invalid value: "other": must match metadata\.namespace$/,
  );
  assert.match(
    String((await ask("SubjectAccessReview", { resourceAttributes: list }))["message"]),
    /spec\.user: Invalid value: "": at least one of user or group must be specified$/,
  );
  const self = await jane.call(`${REVIEWS}/selfsubjectaccessreviews`, {
    method: "POST",
    body: {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      spec: { resourceAttributes: { ...list, namespace: "default" } },
    },
  });
  assert.deepEqual(self.json()["status"], { allowed: true, reason });
  const rules = await jane.call(`${REVIEWS}/selfsubjectrulesreviews`, {
    method: "POST",
    body: {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectRulesReview",
      spec: { namespace: "default" },
    },
  });
  const { resourceRules, incomplete } = rules.json()["status"] as {
    resourceRules: object[];
    incomplete: boolean;
  };
  assert.equal(incomplete, false);
  assert.ok(
    resourceRules.some(
      (one) => JSON.stringify(one) === '{"verbs":["list"],"apiGroups":[""],"resources":["services"]}',
    ),
  );
  // Only who may ask about others.
  assert.match(await jane.outcome(`${REVIEWS}/subjectaccessreviews`, { method: "POST", body: {} }), /^403: /);
});
