/** What GET answers, out of what the user may see. Throws ContivError, and ApiError 403 where the user may not. */
import type { KubeObject } from "../api/meta/type.ts";
import { podKind } from "../api/pod/kind.ts";
import { serviceKind } from "../api/service/kind.ts";
import { configOf, configsOf, inspectAll, inspectOne } from "./by-kind.ts";
import { endpointOper, findEndpoint } from "./endpoint.ts";
import { describeService } from "./inspection.ts";
import { type ContivKind, namespaceOfTenant } from "./names.ts";
import { objectNotFound, orNotFound } from "./not-found.ts";
import type { Keyed, Listed, Target } from "./paths.ts";
import type { Objects } from "./picture.ts";
import { KIND_OF, listOf, objectName, readNames, readPicture, readPods, type Sides } from "./sides.ts";

/** Which of {@link Objects} a kind's are. */
const PART: Readonly<Record<ContivKind, keyof Objects>> = {
  networks: "networks",
  tenants: "namespaces",
  serviceLBs: "services",
};

export async function list(sides: Sides, { plural, tenantName }: Listed): Promise<object[]> {
  const namespace = namespaceOfTenant(tenantName);
  const [named, objects] = await Promise.all([
    readNames(sides),
    listOf(sides.user, KIND_OF[plural], plural === "tenants" ? undefined : namespace),
  ]);
  return configsOf(plural, named.with({ [PART[plural]]: objects }), namespace);
}

/** Configuration and state of each. */
export async function inspectEach(sides: Sides, { plural, tenantName }: Listed): Promise<object[]> {
  const namespace = namespaceOfTenant(tenantName);
  return inspectAll(plural, await readPicture(sides, plural, namespace), namespace);
}

/** Throws ContivError 404, or ApiError 403. */
async function objectOf(user: Sides["user"], { plural, key, tenantName, name }: Keyed): Promise<KubeObject> {
  const found = user.get(KIND_OF[plural], objectName(plural, tenantName, name));
  return orNotFound(found, () => objectNotFound(plural, key));
}

export async function config(sides: Sides, target: Keyed): Promise<object> {
  const object = await objectOf(sides.user, target);
  return configOf(target.plural, object, await readNames(sides));
}

export async function inspect(sides: Sides, target: Keyed): Promise<object> {
  const { plural, tenantName } = target;
  const object = await objectOf(sides.user, target);
  return inspectOne(plural, object, await readPicture(sides, plural, namespaceOfTenant(tenantName)));
}

export async function describe(sides: Sides, target: Keyed): Promise<object> {
  const namespace = namespaceOfTenant(target.tenantName);
  const service = await objectOf(sides.user, target);
  const picture = await readPicture(sides, target.plural, namespace);
  return describeService(service, picture.with({ pods: await readPods(sides, namespace) }));
}

export async function inspectEndpoint(
  sides: Sides,
  target: Extract<Target, { readonly what: "endpoint" }>,
): Promise<object> {
  const pod = findEndpoint(
    await listOf(sides.user, podKind, namespaceOfTenant(target.tenantName)),
    target.id,
  );
  const { namespace = "" } = pod.metadata;
  const [named, services] = await Promise.all([readNames(sides), listOf(sides.user, serviceKind, namespace)]);
  return { Oper: endpointOper(pod, named.with({ services })) };
}
