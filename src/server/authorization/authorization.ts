/**
 * Who may do what, kept in step with the roles and bindings in the store. A watch brings every change, also those of
 * other servers on the same store; it is in force within the turn of the event loop in which it was acknowledged, so
 * for the very next request that is read.
 */
import { isDeepStrictEqual } from "node:util";
import { ApiError } from "../../api/api-error.ts";
import { clusterRoleKind } from "../../api/clusterrole/kind.ts";
import type { ClusterRole } from "../../api/clusterrole/type.ts";
import { clusterRoleBindingKind } from "../../api/clusterrolebinding/kind.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import { roleKind } from "../../api/role/kind.ts";
import { RBAC_GROUP, type Role } from "../../api/role/type.ts";
import { roleBindingKind } from "../../api/rolebinding/kind.ts";
import type { RoleBinding } from "../../api/rolebinding/type.ts";
import { pause } from "../../base/backoff.ts";
import type { Log } from "../../base/log.ts";
import { CompactedError, type Entry, type Revision, type Store, type Watch } from "../../store/store.ts";
import type { OwnedRegistry } from "../registry/create-registry.ts";
import type { Registry } from "../registry.ts";
import { KindsByKey, ROOT } from "../registry/keys.ts";
import { decodeEntry } from "../registry/stored-object.ts";
import { aggregatedRules } from "./aggregation.ts";
import { SERVER, writeBootstrapPolicy } from "./bootstrap.ts";
import { checkBindingWrite, checkRoleWrite } from "./escalation.ts";
import { Policy } from "./policy.ts";
import { addReviewRules } from "./reviews.ts";

export interface AuthorizationParts {
  readonly store: Store;
  readonly registry: Registry & Pick<OwnedRegistry, "rules">;
  readonly log: Log;
}

export interface Authorization extends AsyncDisposable {
  readonly policy: Policy;
}

const PREFIX = `${ROOT}${RBAC_GROUP}/`;
const KINDS = new KindsByKey([clusterRoleBindingKind, clusterRoleKind, roleBindingKind, roleKind]);
/** Before a policy that could not be read is read again, milliseconds. */
const RETRY_AFTER = 1000;

/**
 * Reads the policy, completes it with what every cluster has, and lets the registry guard roles and bindings and
 * answer reviews. When it resolves, all of that is in force.
 */
export async function startAuthorization({
  store,
  registry,
  log,
}: AuthorizationParts): Promise<Authorization> {
  const follower = new PolicyFollower(store, log);
  const { policy } = follower;
  await follower.start();
  try {
    for (const kind of [roleKind, clusterRoleKind])
      registry.rules.add(kind, {
        createOnUpdate: true,
        authorizeWrite: (role, old, context) => checkRoleWrite(policy, kind, role, old, context),
      });
    for (const kind of [roleBindingKind, clusterRoleBindingKind])
      registry.rules.add(kind, {
        createOnUpdate: true,
        authorizeWrite: (binding, old, context) => checkBindingWrite(policy, kind, binding, old, context),
      });
    addReviewRules(registry.rules, policy);
    await writeBootstrapPolicy(registry);
    await follower.aggregate(registry);
  } catch (error) {
    await follower[Symbol.asyncDispose]();
    throw error;
  }
  return { policy, [Symbol.asyncDispose]: async () => follower[Symbol.asyncDispose]() };
}

class PolicyFollower implements AsyncDisposable {
  readonly policy = new Policy();
  readonly #store: Store;
  readonly #log: Log;
  readonly #stopping = new AbortController();
  /** All ClusterRoles, by name: what aggregation chooses from. */
  readonly #clusterRoles = new Map<string, ClusterRole>();
  #watch: Watch | undefined;
  #following: Promise<void> = Promise.resolve();
  #aggregating: Promise<void> = Promise.resolve();
  #writer: Pick<OwnedRegistry, "patch"> | undefined;
  #changed = false;

  constructor(store: Store, log: Log) {
    this.#store = store;
    this.#log = log;
  }

  async start(): Promise<void> {
    const revision = await this.#load();
    this.#following = this.#follow(revision);
  }

  /** Keeps aggregated roles up to date from now on. Resolves when they are, the first time. */
  async aggregate(writer: Pick<OwnedRegistry, "patch">): Promise<void> {
    this.#writer = writer;
    this.#changed = true;
    // What has been written just before may not have come by the watch yet: it then comes a second time.
    await this.#load();
    await this.#aggregateSoon();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    this.#watch?.close();
    await this.#following;
    await this.#aggregating;
  }

  /** Reads everything anew. */
  async #load(): Promise<Revision> {
    const { entries, revision } = await this.#store.list(PREFIX);
    this.policy.clear();
    this.#clusterRoles.clear();
    for (const entry of entries) this.#put(entry);
    this.#changed = true;
    return revision;
  }

  async #follow(from: Revision): Promise<void> {
    let since: Revision | undefined = from;
    for (;;) {
      try {
        since ??= await this.#load();
        if (this.#stopping.signal.aborted) return;
        this.#watch = this.#store.watch(PREFIX, since);
        since = undefined;
        for await (const events of this.#watch) {
          for (const event of events)
            if (event.type === "put") this.#put(event.entry);
            else this.#remove(event.previous.key);
          void this.#aggregateSoon();
        }
        return;
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        if (!(error instanceof CompactedError)) {
          this.#log.error({ err: error }, "roles and bindings cannot be followed; trying again");
          await pause(RETRY_AFTER, this.#stopping.signal);
        }
        since = undefined;
      }
    }
  }

  #put(entry: Entry): void {
    const kind = KINDS.kind(entry.key);
    if (kind === undefined) return;
    const object = decodeEntry(kind, entry);
    const { name = "", namespace = "" } = object.metadata;
    if (isBinding(object))
      this.policy.setBinding(namespace, name, {
        name,
        subjects: object.subjects ?? [],
        roleRef: object.roleRef,
      });
    else this.#setRole(namespace, name, object as Role | ClusterRole);
  }

  #setRole(namespace: string, name: string, role: Role | ClusterRole): void {
    if (namespace === "") {
      const known = this.#clusterRoles.get(name);
      // What aggregation wrote is known before the watch tells of it.
      if (known !== undefined && versionOf(known) > versionOf(role)) return;
      this.#clusterRoles.set(name, role);
      this.#changed = true;
    }
    this.policy.setRole(namespace, name, role.rules);
  }

  #remove(key: string): void {
    const kind = KINDS.kind(key);
    if (kind === undefined) return;
    // Names here may hold anything but a slash, so that the key says both.
    const [namespace, name] = kind.namespaced ? key.split("/").slice(-2) : ["", key.split("/").at(-1)!];
    if (kind === roleBindingKind || kind === clusterRoleBindingKind)
      this.policy.setBinding(namespace!, name!, undefined);
    else {
      this.policy.setRole(namespace!, name!, undefined);
      if (kind === clusterRoleKind) this.#changed = this.#clusterRoles.delete(name!) || this.#changed;
    }
  }

  /** One pass after the other, never two at a time. Never rejects. */
  #aggregateSoon(): Promise<void> {
    if (this.#changed && this.#writer !== undefined)
      this.#aggregating = this.#aggregating.then(async () => this.#aggregateAll());
    return this.#aggregating;
  }

  /** Until nothing changes: a role that others are gathered in may be gathered itself. */
  async #aggregateAll(): Promise<void> {
    while (this.#changed && !this.#stopping.signal.aborted) {
      this.#changed = false;
      for (const role of this.#clusterRoles.values()) {
        try {
          await this.#aggregateOne(role);
        } catch (error) {
          // Somebody else changed or removed it: the watch tells of that.
          if (error instanceof ApiError && (error.reason === "Conflict" || error.reason === "NotFound"))
            continue;
          const { name } = role.metadata;
          this.#log.error({ err: error, clusterRole: name }, "a ClusterRole could not be aggregated");
        }
      }
    }
  }

  async #aggregateOne(role: ClusterRole): Promise<void> {
    const rules = aggregatedRules(role, this.#clusterRoles);
    if (rules === undefined || isDeepStrictEqual(rules, role.rules)) return;
    const { name = "", resourceVersion } = role.metadata;
    const { object } = await this.#writer!.patch(
      clusterRoleKind,
      { name },
      { type: "merge", patch: { metadata: { resourceVersion }, rules } },
      { fieldManager: "clusterrole-aggregation-controller" },
      SERVER,
    );
    if (this.#clusterRoles.has(name)) this.#setRole("", name, object);
  }
}

function isBinding(object: KubeObject): object is RoleBinding {
  return "roleRef" in object;
}

function versionOf({ metadata }: KubeObject): number {
  return Number(metadata.resourceVersion);
}
