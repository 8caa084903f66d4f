/**
 * Contiv's names and Kubernetes': Contiv allows capitals, dots and 64 or 256 characters where Kubernetes has DNS names. A
 * name that Kubernetes allows stays as it is; another is cleaned and told from its likes by a hash, and the object
 * carries it in an annotation.
 */
import { createHash } from "node:crypto";
import { CONTIV_NAME_ANNOTATION } from "../api/meta/contiv-name-annotation.ts";
import type { KubeObject } from "../api/meta/type.ts";
import {
  dns1035LabelComplaints,
  dns1123LabelComplaints,
  dns1123SubdomainComplaints,
} from "../api/validation/names.ts";
import { NAME } from "./fields.ts";

export type ContivKind = "networks" | "tenants" | "serviceLBs";

/** What Kubernetes allows as a name: a Service's begins with a letter (RFC 1035), a Network's may have dots. */
const COMPLAINTS: Readonly<Record<ContivKind, (name: string) => readonly string[]>> = {
  networks: dns1123SubdomainComplaints,
  tenants: dns1123LabelComplaints,
  serviceLBs: dns1035LabelComplaints,
};

/** Of a DNS label, which every kind allows. */
const LIMIT = 63;
const HASH_DIGITS = 8;
/** Of any name of Contiv's, characters. */
const LONGEST = 256;

/** metadata.name of the object that Contiv's users call `name`: the same name gives the same, and no other does. */
export function kubernetesName(kind: ContivKind, name: string): string {
  if (COMPLAINTS[kind](name).length === 0) return name;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, HASH_DIGITS);
  const cleaned = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  const stem = (/^[a-z]/.test(cleaned) ? cleaned : `n-${cleaned}`)
    .replaceAll(/-{2,}/g, "-")
    .slice(0, LIMIT - HASH_DIGITS - 1)
    .replace(/-+$/, "");
  return `${stem}-${hash}`;
}

/** A tenant's; undefined, of all tenants, for undefined. */
export function namespaceOfTenant(tenantName: string): string;
export function namespaceOfTenant(tenantName: string | undefined): string | undefined;
export function namespaceOfTenant(tenantName: string | undefined): string | undefined {
  return tenantName === undefined ? undefined : kubernetesName("tenants", tenantName);
}

/** The annotation that an object of this name needs, if any. */
export function nameAnnotation(kind: ContivKind, name: string): Record<string, string> {
  return kubernetesName(kind, name) === name ? {} : { [CONTIV_NAME_ANNOTATION]: name };
}

/**
 * What Contiv's users call it. An annotation that belongs to another name, as of a copied object, does not count; nor does
 * one that Contiv would not allow: whoever may write annotations may write anything there, a colon or what moves a
 * terminal's cursor.
 */
export function contivName(kind: ContivKind, { metadata }: Pick<KubeObject, "metadata">): string {
  const { name = "", annotations } = metadata;
  const given = annotations?.[CONTIV_NAME_ANNOTATION];
  return given !== undefined &&
    given.length <= LONGEST &&
    NAME.test(given) &&
    kubernetesName(kind, given) === name
    ? given
    : name;
}

/** Kubernetes' own namespaces are no tenants, and nothing in them is listed. */
export function isTenant(namespace: string): boolean {
  return !namespace.startsWith("kube-");
}

/** Tenant and name of "tenant:name"; undefined if there is no colon. No name has one. */
export function splitKey(key: string): { readonly tenantName: string; readonly name: string } | undefined {
  const colon = key.indexOf(":");
  if (colon < 0) return undefined;
  return { tenantName: key.slice(0, colon), name: key.slice(colon + 1) };
}
