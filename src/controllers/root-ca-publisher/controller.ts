/** Keeps the authority's certificate in each namespace, as ConfigMap kube-root-ca.crt. */
import { configMapKind } from "../../api/configmap/kind.ts";
import { keyText } from "../../client/object-key.ts";
import {
  type Controller,
  createControllerQueue,
  type IdentityContext,
  ignoreNamespaceTerminating,
} from "../controller.ts";
import { desiredRootCA, ROOT_CA_CONFIG_MAP } from "./desired.ts";

const NAME = "root-ca-publisher";

/** Keys are namespaces. */
export function rootCaPublisher(context: IdentityContext): Controller {
  const { client, identity } = context;
  const { namespaces, rootCAs } = identity;
  const { queue, enqueue, open } = createControllerQueue(NAME, context, publish);

  // What it watches.

  namespaces.addHandler({
    onAdd: ({ metadata }) => enqueue(metadata.name!),
    onUpdate: ({ metadata }) => enqueue(metadata.name!),
  });
  rootCAs.addHandler({
    onUpdate: ({ metadata }) => enqueue(metadata.namespace!),
    onDelete: ({ metadata }) => enqueue(metadata.namespace!),
  });

  // What it wants, and what it writes.

  async function publish(name: string): Promise<void> {
    const namespace = namespaces.getByKey(name);
    if (namespace === undefined || namespace.metadata.deletionTimestamp !== undefined) return;
    const current = rootCAs.getByKey(keyText(name, ROOT_CA_CONFIG_MAP));
    const desired = desiredRootCA(name, context.ca, current);
    if (desired === undefined) return;
    try {
      rootCAs.observe(
        current === undefined
          ? await client.create(configMapKind, desired)
          : await client.update(configMapKind, desired),
      );
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
