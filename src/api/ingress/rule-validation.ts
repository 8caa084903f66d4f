/** Which paths of an Ingress are acceptable (pkg/apis/networking/validation validateHTTPIngressPath). */
import { type FieldError, invalidValue, notSupported, required } from "../field-error.ts";
import { checkBackend } from "./backend-validation.ts";
import type { HTTPIngressPath, IngressRule } from "./type.ts";

const PATH_TYPES = ["Exact", "Prefix", "ImplementationSpecific"];
/** Ways to write a path that is another one for those who normalize it. */
const AMBIGUOUS_PARTS = ["//", "/./", "/../", "%2f", "%2F"];
const AMBIGUOUS_ENDS = ["/..", "/."];

/** The part of a rule that says what happens; its host is checked elsewhere. */
export function checkIngressRule(field: string, { http }: IngressRule): FieldError[] {
  if (http === undefined) return [];
  const paths = `${field}.http.paths`;
  if (http.paths.length === 0) return [required(paths)];
  return http.paths.flatMap((path, i) => checkPath(`${paths}[${i}]`, path));
}

function checkPath(field: string, { path = "", pathType, backend }: HTTPIngressPath): FieldError[] {
  if (pathType === undefined) return [required(`${field}.pathType`, "pathType must be specified")];
  const errors: FieldError[] = [];
  const complain = (detail: string): void => void errors.push(invalidValue(`${field}.path`, path, detail));
  if (!PATH_TYPES.includes(pathType)) errors.push(notSupported(`${field}.pathType`, pathType, PATH_TYPES));
  else if (pathType === "ImplementationSpecific") {
    if (path !== "" && !path.startsWith("/")) complain("must be an absolute path");
  } else {
    if (!path.startsWith("/")) complain("must be an absolute path");
    for (const part of AMBIGUOUS_PARTS) if (path.includes(part)) complain(`must not contain '${part}'`);
    for (const end of AMBIGUOUS_ENDS) if (path.endsWith(end)) complain(`cannot end with '${end}'`);
  }
  return [...errors, ...checkBackend(`${field}.backend`, backend)];
}
