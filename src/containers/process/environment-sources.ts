/** The ConfigMaps and Secrets that a container's environment refers to, read when it starts. */
import { ApiError } from "../../api/api-error.ts";
import { configMapKind } from "../../api/configmap/kind.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import type { Kind } from "../../api/kind.ts";
import type { Container } from "../../api/pod/type.ts";
import { secretKind } from "../../api/secret/kind.ts";
import type { Client } from "../../client/client.ts";

/** The texts by key of each object, by its name. What is not there is not in the map. */
export type SourceData = ReadonlyMap<string, Readonly<Record<string, string>>>;

export interface EnvironmentSources {
  readonly configMaps: SourceData;
  readonly secrets: SourceData;
}

export const NO_SOURCES: EnvironmentSources = { configMaps: new Map(), secrets: new Map() };

/** Throws what the API answers, except that something is not found. */
export async function readSources(
  client: Client,
  namespace: string,
  { env = [], envFrom = [] }: Container,
): Promise<EnvironmentSources> {
  const configMapNames = [
    ...envFrom.map(({ configMapRef }) => configMapRef?.name),
    ...env.map(({ valueFrom }) => valueFrom?.configMapKeyRef?.name),
  ];
  const secretNames = [
    ...envFrom.map(({ secretRef }) => secretRef?.name),
    ...env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
  ];
  const [configMaps, secrets] = await Promise.all([
    readAll(client, configMapKind, namespace, configMapNames, ({ data = {} }) => data),
    readAll(client, secretKind, namespace, secretNames, ({ data = {} }) => decoded(data)),
  ]);
  return { configMaps, secrets };
}

async function readAll<T extends KubeObject>(
  client: Client,
  kind: Kind<T>,
  namespace: string,
  names: readonly (string | undefined)[],
  textsOf: (object: T) => Readonly<Record<string, string>>,
): Promise<SourceData> {
  const wanted = new Set(names.filter((name) => name !== undefined));
  const found = new Map<string, Readonly<Record<string, string>>>();
  for (const name of wanted)
    try {
      found.set(name, textsOf(await client.get(kind, { namespace, name })));
    } catch (error) {
      if (!(error instanceof ApiError && error.code === 404)) throw error;
    }
  return found;
}

function decoded(data: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString()]),
  );
}
