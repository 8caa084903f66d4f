/**
 * The roles and bindings that every cluster starts with (plugin/pkg/auth/authorizer/rbac/bootstrappolicy), so far as
 * they are about users, services and discovery; those of Kubernetes' own components that are not here are left out.
 */
import type { ClusterRole } from "../../api/clusterrole/type.ts";
import type { ClusterRoleBinding } from "../../api/clusterrolebinding/type.ts";
import { type PolicyRule, RBAC_GROUP } from "../../api/role/type.ts";
import type { Subject } from "../../api/rolebinding/type.ts";

/** "false" on a role or binding keeps the server from repairing it at start. */
export const AUTOUPDATE = "rbac.authorization.kubernetes.io/autoupdate";

const READ = ["get", "list", "watch"];
const CHANGE = ["create", "delete", "deletecollection", "patch", "update"];
const READ_CHANGE = [...CHANGE, ...READ].sort();

/** "apps: deployments deployments/scale" is that group and these resources; the core group has no name. */
function on(verbs: readonly string[], what: string): PolicyRule {
  const [groups, resources] = what.split(":") as [string, string];
  return {
    verbs: [...verbs],
    apiGroups: groups.split(","),
    resources: resources.trim().split(" "),
  };
}

function paths(...nonResourceURLs: string[]): PolicyRule {
  return { verbs: ["get"], nonResourceURLs };
}

interface RoleOptions {
  /** Whose rules it is to be part of: "view", "edit", "admin". */
  readonly aggregateTo?: string;
  /** Makes its rules of all roles that aggregate to it. */
  readonly aggregate?: boolean;
}

function aggregationLabel(name: string): Record<string, string> {
  return { [`${RBAC_GROUP}/aggregate-to-${name}`]: "true" };
}

function role(name: string, rules: PolicyRule[], { aggregateTo, aggregate }: RoleOptions = {}): ClusterRole {
  return {
    metadata: {
      name,
      annotations: { [AUTOUPDATE]: "true" },
      labels: {
        "kubernetes.io/bootstrapping": "rbac-defaults",
        ...(aggregateTo !== undefined && aggregationLabel(aggregateTo)),
      },
    },
    rules,
    ...(aggregate === true && {
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: aggregationLabel(name) }] },
    }),
  };
}

const EVENTS = on(["create", "patch", "update"], ",events.k8s.io: events");
const PUBLIC_PATHS = ["/healthz", "/livez", "/readyz", "/version", "/version/"];

const ADMIN_RULES: PolicyRule[] = [
  on(["create"], "authorization.k8s.io: localsubjectaccessreviews"),
  on(READ_CHANGE, `${RBAC_GROUP}: rolebindings roles`),
];

const APPS = "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale";

const EDIT_RULES: PolicyRule[] = [
  on(READ, ": pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy"),
  on(["impersonate"], ": serviceaccounts"),
  on(CHANGE, ": pods pods/attach pods/exec pods/portforward pods/proxy"),
  on(["create"], ": pods/eviction"),
  on(
    CHANGE,
    ": configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy",
  ),
  on(["create"], ": serviceaccounts/token"),
  on(CHANGE, `apps: ${APPS} statefulsets statefulsets/scale`),
  on(CHANGE, "autoscaling: horizontalpodautoscalers"),
  on(CHANGE, "batch: cronjobs jobs"),
  on(
    CHANGE,
    "extensions: daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets replicasets/scale replicationcontrollers/scale",
  ),
  on(CHANGE, "policy: poddisruptionbudgets"),
  on(CHANGE, "networking.k8s.io: ingresses networkpolicies"),
  on(READ_CHANGE, "coordination.k8s.io: leases"),
  // Our own kind: who may make Services may make the subnets that their addresses are of.
  on(CHANGE, "fairlead.dev: networks"),
];

const VIEW_RULES: PolicyRule[] = [
  on(
    READ,
    ": configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status",
  ),
  on(
    READ,
    ": bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status",
  ),
  on(READ, ": namespaces"),
  on(READ, "discovery.k8s.io: endpointslices"),
  on(
    READ,
    "apps: controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status",
  ),
  on(READ, "autoscaling: horizontalpodautoscalers horizontalpodautoscalers/status"),
  on(READ, "batch: cronjobs cronjobs/status jobs jobs/status"),
  on(
    READ,
    "extensions: daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale",
  ),
  on(READ, "policy: poddisruptionbudgets poddisruptionbudgets/status"),
  on(READ, "networking.k8s.io: ingresses ingresses/status networkpolicies"),
  on(READ, "fairlead.dev: networks networks/status"),
];

export const bootstrapRoles: readonly ClusterRole[] = [
  role("cluster-admin", [on(["*"], "*: *"), { verbs: ["*"], nonResourceURLs: ["*"] }]),
  role("system:aggregate-to-admin", ADMIN_RULES, { aggregateTo: "admin" }),
  role("system:aggregate-to-edit", EDIT_RULES, { aggregateTo: "edit" }),
  role("system:aggregate-to-view", VIEW_RULES, { aggregateTo: "view" }),
  role("admin", [], { aggregate: true }),
  role("edit", [], { aggregate: true, aggregateTo: "admin" }),
  role("view", [], { aggregate: true, aggregateTo: "edit" }),
  role("system:discovery", [
    paths(
      "/api",
      "/api/*",
      "/apis",
      "/apis/*",
      "/healthz",
      "/livez",
      "/openapi",
      "/openapi/*",
      "/readyz",
      "/version",
      "/version/",
    ),
  ]),
  role("system:public-info-viewer", [paths(...PUBLIC_PATHS)]),
  role("system:basic-user", [
    on(["create"], "authorization.k8s.io: selfsubjectaccessreviews selfsubjectrulesreviews"),
    on(["create"], "authentication.k8s.io: selfsubjectreviews"),
  ]),
  role("system:monitoring", [
    paths(
      "/healthz",
      "/healthz/*",
      "/livez",
      "/livez/*",
      "/metrics",
      "/metrics/slis",
      "/readyz",
      "/readyz/*",
    ),
  ]),
  role("system:auth-delegator", [
    on(["create"], "authentication.k8s.io: tokenreviews"),
    on(["create"], "authorization.k8s.io: subjectaccessreviews"),
  ]),
  role("system:service-account-issuer-discovery", [
    paths("/.well-known/openid-configuration", "/openid/v1/jwks"),
  ]),
  role("system:kube-dns", [
    on(["list", "watch"], ": endpoints services"),
    // The DNS answers on each Network.
    on(["list", "watch"], "fairlead.dev: networks"),
  ]),
  role("system:node-proxier", [
    on(["list", "watch"], ": endpoints services"),
    on(READ, ": nodes"),
    EVENTS,
    on(["list", "watch"], "discovery.k8s.io: endpointslices"),
    on(["list", "watch"], "networking.k8s.io: servicecidrs"),
  ]),
];

function group(name: string): Subject {
  return { kind: "Group", apiGroup: RBAC_GROUP, name };
}

/** To the role of the same name. */
function binding(name: string, ...subjects: Subject[]): ClusterRoleBinding {
  return {
    metadata: {
      name,
      annotations: { [AUTOUPDATE]: "true" },
      labels: { "kubernetes.io/bootstrapping": "rbac-defaults" },
    },
    subjects,
    roleRef: { apiGroup: RBAC_GROUP, kind: "ClusterRole", name },
  };
}

export const bootstrapBindings: readonly ClusterRoleBinding[] = [
  binding("cluster-admin", group("system:masters")),
  binding("system:discovery", group("system:authenticated")),
  binding("system:basic-user", group("system:authenticated")),
  binding("system:public-info-viewer", group("system:authenticated"), group("system:unauthenticated")),
  binding("system:monitoring", group("system:monitoring")),
  binding("system:service-account-issuer-discovery", group("system:serviceaccounts")),
  binding("system:kube-dns", { kind: "ServiceAccount", name: "kube-dns", namespace: "kube-system" }),
  binding("system:node-proxier", { kind: "User", apiGroup: RBAC_GROUP, name: "system:kube-proxy" }),
];
