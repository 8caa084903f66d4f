/**
 * Fills Secrets of type kubernetes.io/service-account-token with a token, and removes those whose ServiceAccount is gone:
 * their tokens are good no more.
 */
import { ApiError } from "../../api/api-error.ts";
import { secretKind } from "../../api/secret/kind.ts";
import type { Secret } from "../../api/secret/type.ts";
import { serviceAccountKind } from "../../api/serviceaccount/kind.ts";
import type { ServiceAccount } from "../../api/serviceaccount/type.ts";
import { keyOf, splitKey } from "../../client/object-key.ts";
import {
  type Controller,
  createControllerQueue,
  type IdentityContext,
  ignoreNotFound,
} from "../controller.ts";
import { accountOf } from "../identity-informers.ts";
import { desiredSecret, isOfAnother } from "./desired.ts";

const NAME = "serviceaccount-token";

/** Keys are Secrets, "namespace/name". */
export function serviceAccountTokenController(context: IdentityContext): Controller {
  const { client, identity } = context;
  const { serviceAccounts, tokenSecrets } = identity;
  const { queue, enqueue, open } = createControllerQueue(NAME, context, sync);

  // What it watches.

  function enqueueSecretsOf(account: ServiceAccount): void {
    for (const key of tokenSecrets.byIndex("account", keyOf(account)).keys()) enqueue(key);
  }

  serviceAccounts.addHandler({ onAdd: enqueueSecretsOf, onDelete: enqueueSecretsOf });
  tokenSecrets.addHandler({
    onAdd: (secret) => enqueue(keyOf(secret)),
    onUpdate: (secret) => enqueue(keyOf(secret)),
  });

  // What it wants, and what it writes.

  async function sync(key: string): Promise<void> {
    const secret = tokenSecrets.getByKey(key);
    const [accountKey] = secret === undefined ? [] : accountOf(secret);
    if (secret === undefined || accountKey === undefined) return;
    // What is going holds no new token.
    if (secret.metadata.deletionTimestamp !== undefined) return;
    const account = await accountOfSecret(secret, accountKey);
    if (account === undefined || isOfAnother(secret, account)) return remove(secret);
    const { namespace, name } = secret.metadata;
    const id = { name: account.metadata.name!, uid: account.metadata.uid! };
    const desired = await desiredSecret(secret, account, context.ca, async () =>
      context.issueLegacyToken(namespace!, id, name!),
    );
    if (desired === undefined) return;
    try {
      tokenSecrets.observe(await client.update(secretKind, desired));
    } catch (error) {
      ignoreNotFound(error);
    }
  }

  /** Asks the server unless the cache agrees with the Secret: a Secret is not removed on old news. */
  async function accountOfSecret(secret: Secret, key: string): Promise<ServiceAccount | undefined> {
    const cached = serviceAccounts.getByKey(key);
    if (cached !== undefined && !isOfAnother(secret, cached)) return cached;
    try {
      return await client.get(serviceAccountKind, splitKey(key));
    } catch (error) {
      if (error instanceof ApiError && error.code === 404) return undefined;
      throw error;
    }
  }

  async function remove(secret: Secret): Promise<void> {
    const { uid, resourceVersion, ...metadata } = secret.metadata;
    try {
      await client.delete(
        secretKind,
        { namespace: metadata.namespace!, name: metadata.name! },
        // What somebody changed meanwhile is looked at again first.
        { preconditions: { uid: uid!, resourceVersion: resourceVersion! } },
      );
    } catch (error) {
      ignoreNotFound(error);
    }
  }

  return {
    name: NAME,
    queue,
    start() {
      open();
      for (const key of tokenSecrets.list().keys()) queue.add(key);
    },
  };
}
