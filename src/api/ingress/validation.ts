/** Which Ingresses are acceptable (pkg/apis/networking/validation). */
import { type FieldError, invalidValue } from "../field-error.ts";
import { validateObjectMeta, validateObjectMetaUpdate } from "../meta/validation.ts";
import { checkAddress, familyOf } from "../validation/addresses.ts";
import { checkSyntax } from "../validation/checks.ts";
import { dns1123SubdomainComplaints, wildcardSubdomainComplaints } from "../validation/names.ts";
import { checkIngressRule } from "./rule-validation.ts";
import { checkBackend } from "./backend-validation.ts";
import type { Ingress, IngressLoadBalancerIngress, IngressSpec, IngressTLS } from "./type.ts";

export const CLASS_ANNOTATION = "kubernetes.io/ingress.class";

/** What an update may leave as it is though it is wrong: it was stored when it was right. */
interface Allowances {
  readonly secretNames?: boolean;
  /** Rules of hosts with a wildcard. */
  readonly wildcardRules?: boolean;
}

export function validateIngress(ingress: Ingress): FieldError[] {
  const errors = checkIngress(ingress, {});
  const annotation = ingress.metadata.annotations?.[CLASS_ANNOTATION];
  const className = ingress.spec?.ingressClassName;
  if (annotation !== undefined && className !== undefined && annotation !== className)
    errors.push(
      invalidValue(
        `annotations.${CLASS_ANNOTATION}`,
        annotation,
        "must match `ingressClassName` when both are specified",
      ),
    );
  return errors;
}

export function validateIngressUpdate(ingress: Ingress, old: Ingress): FieldError[] {
  const allowances: Allowances = {
    secretNames: (old.spec?.tls ?? []).some((tls) => checkSecretName("", tls).length > 0),
    wildcardRules: (old.spec?.rules ?? []).some(
      (rule) => isWildcard(rule.host ?? "") && checkIngressRule("", rule).length > 0,
    ),
  };
  return [...validateObjectMetaUpdate(ingress.metadata, old.metadata), ...checkIngress(ingress, allowances)];
}

export function validateIngressStatusUpdate(ingress: Ingress, old: Ingress): FieldError[] {
  const before = new Set((old.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip));
  return [
    ...validateObjectMetaUpdate(ingress.metadata, old.metadata),
    ...(ingress.status?.loadBalancer?.ingress ?? []).flatMap((place, i) =>
      checkPlace(`status.loadBalancer.ingress[${i}]`, place, before.has(place.ip)),
    ),
  ];
}

function checkIngress({ metadata, spec = {} }: Ingress, allowances: Allowances): FieldError[] {
  const rules = { namespaced: true, nameComplaints: dns1123SubdomainComplaints };
  return [...validateObjectMeta(metadata, rules), ...checkSpec(spec, allowances)];
}

function checkSpec(spec: IngressSpec, { secretNames, wildcardRules }: Allowances): FieldError[] {
  const { rules = [], tls = [], defaultBackend, ingressClassName } = spec;
  const errors: FieldError[] = [];
  if (rules.length === 0 && defaultBackend === undefined)
    errors.push(invalidValue("spec", rules, "either `defaultBackend` or `rules` must be specified"));
  if (defaultBackend !== undefined) errors.push(...checkBackend("spec.defaultBackend", defaultBackend));
  for (const [i, rule] of rules.entries()) {
    const field = `spec.rules[${i}]`;
    const { host = "" } = rule;
    if (host !== "") errors.push(...checkRuleHost(`${field}.host`, host));
    if (!isWildcard(host) || wildcardRules !== true) errors.push(...checkIngressRule(field, rule));
  }
  for (const [i, entry] of tls.entries()) {
    const field = `spec.tls[${i}]`;
    errors.push(...(entry.hosts ?? []).flatMap((host, j) => checkHost(`${field}.hosts[${j}]`, host)));
    if (secretNames !== true) errors.push(...checkSecretName(field, entry));
  }
  if (ingressClassName !== undefined)
    errors.push(...checkSyntax("spec.ingressClassName", ingressClassName, dns1123SubdomainComplaints));
  return errors;
}

function isWildcard(host: string): boolean {
  return host.includes("*");
}

function checkRuleHost(field: string, host: string): FieldError[] {
  const errors = checkNotAddress(field, host);
  return [...errors, ...checkHost(field, host)];
}

function checkHost(field: string, host: string): FieldError[] {
  return checkSyntax(
    field,
    host,
    isWildcard(host) ? wildcardSubdomainComplaints : dns1123SubdomainComplaints,
  );
}

function checkNotAddress(field: string, name: string): FieldError[] {
  if (familyOf(name) === undefined) return [];
  return [invalidValue(field, name, "must be a DNS name, not an IP address")];
}

function checkSecretName(field: string, { secretName = "" }: IngressTLS): FieldError[] {
  return secretName === "" ? [] : checkSyntax(`${field}.secretName`, secretName, dns1123SubdomainComplaints);
}

/** `known`: the address was there before this update, and stays whatever it looks like. */
function checkPlace(
  field: string,
  { ip = "", hostname = "" }: IngressLoadBalancerIngress,
  known: boolean,
): FieldError[] {
  const errors = ip === "" || known ? [] : checkAddress(`${field}.ip`, ip);
  if (hostname === "") return errors;
  return [
    ...errors,
    ...checkSyntax(`${field}.hostname`, hostname, dns1123SubdomainComplaints),
    ...checkNotAddress(`${field}.hostname`, hostname),
  ];
}
