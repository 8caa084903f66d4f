/** Which Pods are acceptable (pkg/apis/core/validation ValidatePod), with upstream's sentences. */
import type { FieldError } from "../field-error.ts";
import { duplicate, forbiddenField, invalidValue, required } from "../field-error.ts";
import { validateObjectMeta } from "../meta/validation.ts";
import { checkAddress } from "../validation/addresses.ts";
import { checkLabels, checkNonNegative, checkOneOf, checkSyntax } from "../validation/checks.ts";
import {
  dns1123LabelComplaints,
  dns1123SubdomainComplaints,
  qualifiedNameComplaints,
} from "../validation/names.ts";
import { checkContainers } from "./container-validation.ts";
import type { PodSpec } from "./spec-type.ts";
import type { Pod } from "./type.ts";
import type { Volume } from "./volume-type.ts";

const RULES = { namespaced: true, nameComplaints: dns1123SubdomainComplaints };
const RESTART_POLICIES = ["Always", "OnFailure", "Never"];
/** What the resolvers of C libraries take (pkg/apis/core/validation MaxDNSNameservers and the like). */
const MAX_NAMESERVERS = 3;
const MAX_SEARCHES = 32;
const MAX_SEARCH_LIST = 2048;
const DNS_POLICIES = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];

export function validatePod(pod: Pod): FieldError[] {
  return [
    ...validateObjectMeta(pod.metadata, RULES),
    ...validatePodSpec("spec", pod.spec ?? { containers: [] }),
  ];
}

/** Also for the templates of Deployments and the like, where `field` is "spec.template.spec". */
export function validatePodSpec(field: string, spec: PodSpec): FieldError[] {
  const volumes = new Set((spec.volumes ?? []).map(({ name }) => name));
  const names = new Set<string>();
  const errors = checkVolumes(`${field}.volumes`, spec.volumes ?? []);
  if (spec.containers.length === 0) errors.push(required(`${field}.containers`));
  errors.push(
    ...checkContainers(`${field}.containers`, spec.containers, { volumes, names, init: false }),
    ...checkContainers(`${field}.initContainers`, spec.initContainers ?? [], { volumes, names, init: true }),
    ...checkOneOf(`${field}.restartPolicy`, spec.restartPolicy, RESTART_POLICIES),
    ...checkOneOf(`${field}.dnsPolicy`, spec.dnsPolicy, DNS_POLICIES),
    ...checkLabels(`${field}.nodeSelector`, spec.nodeSelector),
    ...checkNonNegative(`${field}.terminationGracePeriodSeconds`, spec.terminationGracePeriodSeconds),
    ...checkNames(field, spec),
    ...checkHostAliases(field, spec),
    ...checkDnsConfig(`${field}.dnsConfig`, spec),
    ...checkTolerations(field, spec),
    ...(spec.readinessGates ?? []).flatMap(({ conditionType }, i) =>
      checkSyntax(`${field}.readinessGates[${i}].conditionType`, conditionType, qualifiedNameComplaints),
    ),
  );
  const { activeDeadlineSeconds: deadline } = spec;
  if (deadline !== undefined && (deadline < 1 || deadline > 2 ** 31 - 1))
    errors.push(
      invalidValue(`${field}.activeDeadlineSeconds`, deadline, "must be between 1 and 2147483647, inclusive"),
    );
  return errors;
}

function checkNames(field: string, spec: PodSpec): FieldError[] {
  const errors: FieldError[] = [];
  for (const name of ["hostname", "subdomain"] as const) {
    const text = spec[name];
    if (text !== undefined) errors.push(...checkSyntax(`${field}.${name}`, text, dns1123LabelComplaints));
  }
  for (const name of ["serviceAccountName", "nodeName", "priorityClassName", "runtimeClassName"] as const) {
    const text = spec[name];
    if (text !== undefined) errors.push(...checkSyntax(`${field}.${name}`, text, dns1123SubdomainComplaints));
  }
  return errors;
}

function checkVolumes(field: string, volumes: readonly Volume[]): FieldError[] {
  const names = new Set<string>();
  return volumes.flatMap((volume, i) => {
    const at = `${field}[${i}]`;
    const errors: FieldError[] = [];
    if (volume.name === "") errors.push(required(`${at}.name`));
    else errors.push(...checkSyntax(`${at}.name`, volume.name, dns1123LabelComplaints));
    if (names.has(volume.name)) errors.push(duplicate(`${at}.name`, volume.name));
    names.add(volume.name);
    const [first, ...more] = Object.keys(volume).filter((key) => key !== "name");
    if (first === undefined) errors.push(required(at, "must specify a volume type"));
    for (const source of more)
      errors.push(forbiddenField(`${at}.${source}`, "may not specify more than 1 volume type"));
    return errors;
  });
}

function checkHostAliases(field: string, { hostAliases = [] }: PodSpec): FieldError[] {
  return hostAliases.flatMap(({ ip, hostnames = [] }, i) => [
    ...checkAddress(`${field}.hostAliases[${i}].ip`, ip),
    ...hostnames.flatMap((name) =>
      checkSyntax(`${field}.hostAliases[${i}].hostnames`, name, dns1123SubdomainComplaints),
    ),
  ]);
}

function checkDnsConfig(field: string, { dnsPolicy, dnsConfig }: PodSpec): FieldError[] {
  const { nameservers = [], searches = [], options = [] } = dnsConfig ?? {};
  if (dnsPolicy === "None" && dnsConfig === undefined)
    return [required(field, "must provide `dnsConfig` when `dnsPolicy` is None")];
  const errors: FieldError[] = [];
  if (dnsPolicy === "None" && nameservers.length === 0)
    return [
      required(`${field}.nameservers`, "must provide at least one DNS nameserver when `dnsPolicy` is None"),
    ];
  if (nameservers.length > MAX_NAMESERVERS)
    errors.push(
      invalidValue(
        `${field}.nameservers`,
        nameservers,
        `must not have more than ${MAX_NAMESERVERS} nameservers`,
      ),
    );
  errors.push(...nameservers.flatMap((text, i) => checkAddress(`${field}.nameservers[${i}]`, text)));
  if (searches.length > MAX_SEARCHES)
    errors.push(
      invalidValue(`${field}.searches`, searches, `must not have more than ${MAX_SEARCHES} search paths`),
    );
  if (searches.join(" ").length > MAX_SEARCH_LIST)
    errors.push(
      invalidValue(
        `${field}.searches`,
        searches,
        `must not have more than ${MAX_SEARCH_LIST} characters (including spaces) in the search list`,
      ),
    );
  for (const [i, { name = "" }] of options.entries())
    if (name === "") errors.push(required(`${field}.options[${i}]`, "must not be empty"));
  return errors;
}

function checkTolerations(field: string, { tolerations = [] }: PodSpec): FieldError[] {
  return tolerations.flatMap(({ key = "", operator = "Equal", value = "", effect, tolerationSeconds }, i) => {
    const at = `${field}.tolerations[${i}]`;
    const errors = key === "" ? [] : checkSyntax(`${at}.key`, key, qualifiedNameComplaints);
    if (key === "" && operator !== "Exists")
      errors.push(
        invalidValue(
          `${at}.operator`,
          operator,
          'operator must be Exists when `key` is empty, which means "match all values and all keys"',
        ),
      );
    if (tolerationSeconds !== undefined && effect !== "NoExecute")
      errors.push(
        invalidValue(
          `${at}.effect`,
          effect ?? "",
          "effect must be 'NoExecute' when `tolerationSeconds` is set",
        ),
      );
    if (operator === "Exists" && value !== "")
      errors.push(invalidValue(`${at}.operator`, value, "value must be empty when `operator` is 'Exists'"));
    return [...errors, ...checkOneOf(`${at}.operator`, operator, ["Equal", "Exists"])];
  });
}
