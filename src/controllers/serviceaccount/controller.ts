/** Keeps a ServiceAccount "default" in each namespace (kube-controller-manager's serviceaccount controller). */
import { serviceAccountKind } from "../../api/serviceaccount/kind.ts";
import { keyText } from "../../client/object-key.ts";
import {
  type Controller,
  createControllerQueue,
  type IdentityContext,
  ignoreNamespaceTerminating,
} from "../controller.ts";

const NAME = "serviceaccount";
const DEFAULT_ACCOUNT = "default";

/** Keys are namespaces. */
export function serviceAccountController(context: IdentityContext): Controller {
  const { client, identity } = context;
  const { namespaces, serviceAccounts } = identity;
  const { queue, enqueue, open } = createControllerQueue(NAME, context, ensure);

  // What it watches.

  namespaces.addHandler({
    onAdd: ({ metadata }) => enqueue(metadata.name!),
    onUpdate: ({ metadata }) => enqueue(metadata.name!),
  });
  serviceAccounts.addHandler({
    onDelete({ metadata: { namespace, name } }) {
      if (name === DEFAULT_ACCOUNT) enqueue(namespace!);
    },
  });

  // What it wants, and what it writes.

  async function ensure(name: string): Promise<void> {
    const namespace = namespaces.getByKey(name);
    if (namespace === undefined || namespace.metadata.deletionTimestamp !== undefined) return;
    if (serviceAccounts.getByKey(keyText(name, DEFAULT_ACCOUNT)) !== undefined) return;
    const metadata = { name: DEFAULT_ACCOUNT, namespace: name };
    try {
      serviceAccounts.observe(await client.create(serviceAccountKind, { metadata }));
    } catch (error) {
      ignoreNamespaceTerminating(error);
    }
  }

  return {
    name: NAME,
    queue,
    start() {
      open();
      for (const key of namespaces.list().keys()) queue.add(key);
    },
  };
}
