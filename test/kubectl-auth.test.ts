/** The real kubectl on who may do what: auth can-i, auth reconcile, create role and the like. Needs no root. */
import assert from "node:assert/strict";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { type ApiFixture, startApi } from "./api-fixture.ts";
import { findKubectls, type Kubectl, kubectlFor } from "./kubectl-fixture.ts";
import { createUser } from "./user-fixture.ts";

const TIMEOUT = { timeout: 30_000 };

const found = findKubectls();
if (found.length === 0 && process.env["CI"] === "true")
  throw new Error("there is no kubectl: install kubernetes-client, or the Google Cloud SDK's kubectl");
if (found.length === 0) test("kubectl auth", { skip: "no kubectl on this machine" }, () => {});
// The oldest, the newest and one between: what they send about rights has changed little.
const versions = found.filter(({ version }, i) => i === 0 || i === found.length - 1 || version === "1.27");

for (const version of versions) {
  suite(`kubectl ${version.version}`, { concurrency: false }, () => {
    let api: ApiFixture;
    let admin: Kubectl;
    let jane: Kubectl;
    const stack = new AsyncDisposableStack();
    after(async () => stack.disposeAsync());
    before(async () => {
      const scope = { after: (undo: () => Promise<void>) => stack.defer(undo) };
      api = await startApi(scope);
      const home = async (): Promise<string> => mkdtemp(join(api.directory, "home-"));
      admin = kubectlFor(version, api.kubeconfig, await home());
      const user = await createUser(scope, api, "jane", "dev");
      jane = kubectlFor(version, await user.kubeconfig(), await home());
    });

    /** kubectl can ask for a token since 1.24; before, clients had to post for it themselves. */
    const tokenOf = async (account: string): Promise<string> => {
      if (Number(version.version.split(".")[1]) >= 24)
        return (await admin.ok(["create", "token", account])).trim();
      const path = `/api/v1/namespaces/default/serviceaccounts/${account}/token`;
      const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} };
      const reply = await api.call(path, { method: "POST", body });
      return (reply.json() as { status: { token: string } }).status.token;
    };

    test("a stranger to the policy is forbidden, and can-i says no", TIMEOUT, async () => {
      const { code, stderr } = await jane.run(["get", "services"]);
      assert.equal(code, 1);
      assert.equal(
        stderr,
        'Error from server (Forbidden): services is forbidden: User "jane" cannot list resource "services" in API group "" in the namespace "default"\n',
      );
      const no = await jane.run(["auth", "can-i", "list", "services"]);
      assert.deepEqual([no.code, no.stdout], [1, "no\n"]);
    });

    test("create role, clusterrole, rolebinding, clusterrolebinding; can-i follows", TIMEOUT, async () => {
      const canI = async (...args: string[]): Promise<string> =>
        (await jane.run(["auth", "can-i", ...args])).stdout.trim();
      await admin.ok(["create", "role", "reader", "--verb=get,list", "--resource=services,services/status"]);
      await admin.ok(["create", "rolebinding", "jane-reads", "--role=reader", "--user=jane"]);
      assert.equal(await canI("list", "services"), "yes");
      assert.equal(await canI("get", "services/web"), "yes");
      assert.equal(await canI("get", "services", "--subresource=status"), "yes");
      assert.equal(await canI("get", "services", "--subresource=proxy"), "no");
      assert.equal(await canI("delete", "services"), "no");
      assert.equal(await canI("list", "services", "-n", "kube-system"), "no");
      assert.equal(await canI("list", "services", "--all-namespaces"), "no");
      await admin.ok([
        "create",
        "clusterrole",
        "deployer",
        "--verb=create",
        "--resource=deployments.apps",
        "--resource=deployments.apps/scale",
      ]);
      await admin.ok([
        "create",
        "clusterrolebinding",
        "dev-deploys",
        "--clusterrole=deployer",
        "--group=dev",
      ]);
      assert.equal(await canI("create", "deployments.apps", "-A"), "yes");
      assert.equal(await canI("create", "deployments", "--subresource=scale", "-n", "kube-system"), "yes");
      await admin.ok(["create", "clusterrole", "metrics", "--verb=get", "--non-resource-url=/metrics"]);
      assert.equal(await canI("get", "/metrics"), "no");
      await admin.ok(["create", "clusterrolebinding", "metrics", "--clusterrole=metrics", "--user=jane"]);
      assert.equal(await canI("get", "/metrics"), "yes");
      assert.equal(await jane.ok(["get", "services", "kubernetes", "-o", "name"]), "service/kubernetes\n");
    });

    test("can-i --list and --as", TIMEOUT, async () => {
      const list = await jane.ok(["auth", "can-i", "--list"]);
      assert.match(list, /^Resources +Non-Resource URLs +Resource Names +Verbs$/m);
      assert.match(list, /^services\/status +\[\] +\[\] +\[get list\]$/m);
      assert.match(list, /^deployments\.apps\/scale +\[\] +\[\] +\[create\]$/m);
      assert.match(list, /^selfsubjectaccessreviews\.authorization\.k8s\.io +\[\] +\[\] +\[create\]$/m);
      assert.match(list, /^ +\[\/metrics\] +\[\] +\[get\]$/m);
      const as = async (...args: string[]): Promise<string> =>
        (await admin.run(["auth", "can-i", ...args])).stdout.trim();
      assert.equal(await as("*", "*"), "yes");
      assert.equal(await as("list", "services", "--as=jane"), "yes");
      assert.equal(await as("create", "deployments.apps", "--as=joe"), "no");
      assert.equal(await as("create", "deployments.apps", "--as=joe", "--as-group=dev"), "yes");
      assert.equal(await as("list", "secrets", "--as=system:serviceaccount:default:default"), "no");
      await admin.ok([
        "create",
        "rolebinding",
        "default-views",
        "--clusterrole=edit",
        "--serviceaccount=default:default",
      ]);
      assert.equal(await as("list", "secrets", "--as=system:serviceaccount:default:default"), "yes");
      const { code, stderr } = await jane.run(["get", "services", "--as=root"]);
      assert.equal(code, 1);
      assert.match(stderr, /users "root" is forbidden: User "jane" cannot impersonate resource "users"/);
    });

    test("get shows roles and bindings", TIMEOUT, async () => {
      assert.match(
        await admin.ok(["get", "clusterrole", "cluster-admin"]),
        /^NAME +CREATED AT\ncluster-admin +\d{4}-\d\d-\d\dT[\d:]+Z\n$/,
      );
      assert.match(
        await admin.ok(["get", "clusterrolebinding", "cluster-admin", "-o", "wide"]),
        /^NAME +ROLE +AGE +USERS +GROUPS +SERVICEACCOUNTS\ncluster-admin +ClusterRole\/cluster-admin +\d+s +system:masters/,
      );
      assert.match(
        await admin.ok(["get", "rolebinding", "-o", "wide"]),
        /^default-views +ClusterRole\/edit +\d+s +default\/default$/m,
      );
      const described = await admin.ok(["describe", "role", "reader"]);
      assert.match(described, /services +\[\] +\[\] +\[get list\]/);
      assert.match(await admin.ok(["describe", "rolebinding", "jane-reads"]), /User +jane/);
    });

    test("auth reconcile creates, adds what is missing, and takes away when told to", TIMEOUT, async () => {
      const manifest = (roles: string, subject: string): string => `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: rec, namespace: default}
rules:
- {apiGroups: [""], resources: [${roles}], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: rec, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: rec}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: ${subject}}
`;
      const reconcile = async (input: string, ...more: string[]): Promise<string> =>
        admin.ok(["auth", "reconcile", "-f", "-", ...more], { input });
      assert.match(
        await reconcile(manifest("pods", "a")),
        /role\.rbac\.authorization\.k8s\.io\/rec reconciled/,
      );
      await reconcile(manifest("nodes", "b"));
      const rules = ["get", "role", "rec", "-o", "jsonpath={.rules[*].resources[*]}"];
      const subjects = ["get", "rolebinding", "rec", "-o", "jsonpath={.subjects[*].name}"];
      assert.equal(await admin.ok(rules), "pods nodes");
      assert.equal(await admin.ok(subjects), "a b");
      await reconcile(manifest("nodes", "b"), "--remove-extra-permissions", "--remove-extra-subjects");
      assert.equal(await admin.ok(rules), "nodes");
      assert.equal(await admin.ok(subjects), "b");
    });

    test("a ServiceAccount's token has the rights of the account", TIMEOUT, async () => {
      await admin.ok(["create", "serviceaccount", "robot"]);
      const token = await tokenOf("robot");
      const list = async (): Promise<number> =>
        (
          await api.call("/api/v1/namespaces/default/services", {
            anonymous: true,
            headers: { authorization: `Bearer ${token}` },
          })
        ).status;
      assert.equal(await list(), 403);
      await admin.ok([
        "create",
        "rolebinding",
        "robot",
        "--clusterrole=view",
        "--serviceaccount=default:robot",
      ]);
      assert.equal(await list(), 200);
    });

    test("what may not be changed or given away is refused", TIMEOUT, async () => {
      const refused = async (kubectl: Kubectl, ...args: string[]): Promise<string> => {
        const { code, stderr } = await kubectl.run(args);
        assert.notEqual(code, 0);
        return stderr;
      };
      assert.match(
        await refused(
          admin,
          "patch",
          "rolebinding",
          "jane-reads",
          "--type=merge",
          "-p",
          '{"roleRef":{"name":"other"}}',
        ),
        /roleRef: Invalid value: .*: cannot change roleRef/,
      );
      await admin.ok([
        "create",
        "clusterrolebinding",
        "jane-edits-rbac",
        "--clusterrole=admin",
        "--user=jane",
      ]);
      assert.match(
        await refused(jane, "create", "role", "all", "--verb=*", "--resource=nodes"),
        /is attempting to grant RBAC permissions not currently held:\n\{APIGroups:\[""\], Resources:\["nodes"\], Verbs:\["\*"\]\}/,
      );
    });
  });
}
