/** The views of an object by which of Contiv's kinds it is. Pure. */
import type { KubeObject } from "../api/meta/type.ts";
import { inspectNetwork, inspectService, inspectTenant } from "./inspection.ts";
import type { ContivKind } from "./names.ts";
import { networkConfig } from "./network.ts";
import type { Picture } from "./picture.ts";
import { serviceConfig } from "./service.ts";
import { tenantConfig } from "./tenant.ts";
import type { Inspection, NetworkConfig, ServiceConfig, TenantConfig } from "./wire.ts";

type Config = NetworkConfig | ServiceConfig | TenantConfig;

/** `object` is of the Kubernetes kind that `plural` is. */
export function configOf(plural: ContivKind, object: KubeObject, picture: Picture): Config {
  switch (plural) {
    case "networks":
      return networkConfig(object, picture);
    case "tenants":
      return tenantConfig(object);
    default:
      return serviceConfig(object, picture);
  }
}

/** `object` is of the Kubernetes kind that `plural` is. */
export function inspectOne(
  plural: ContivKind,
  object: KubeObject,
  picture: Picture,
): Inspection<Config, unknown> {
  switch (plural) {
    case "networks":
      return inspectNetwork(object, picture);
    case "tenants":
      return inspectTenant(object, picture);
    default:
      return inspectService(object, picture);
  }
}

/** What a list has: in the order of the keys; of one tenant if `namespace` is given. */
export function configsOf(plural: ContivKind, picture: Picture, namespace: string | undefined): Config[] {
  return listedObjects(plural, picture, namespace)
    .map((object) => configOf(plural, object, picture))
    .sort(byKey);
}

/** As {@link configsOf}, with the state of each. */
export function inspectAll(
  plural: ContivKind,
  picture: Picture,
  namespace: string | undefined,
): Inspection<Config, unknown>[] {
  return listedObjects(plural, picture, namespace)
    .map((object) => inspectOne(plural, object, picture))
    .sort((a, b) => byKey(a.Config, b.Config));
}

function byKey({ key: a = "" }: Config, { key: b = "" }: Config): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function listedObjects(
  plural: ContivKind,
  picture: Picture,
  namespace: string | undefined,
): readonly KubeObject[] {
  switch (plural) {
    case "networks":
      return namespace === undefined ? picture.networks : picture.networksIn(namespace);
    case "tenants":
      return picture.tenants.filter(({ metadata }) => namespace === undefined || metadata.name === namespace);
    default:
      return namespace === undefined ? picture.services : picture.servicesIn(namespace);
  }
}
