/** What an IPAddress must be (pkg/apis/networking/validation ValidateIPAddress and its update). */
import { isDeepStrictEqual } from "node:util";
import { type FieldError, immutable, required } from "../field-error.ts";
import { validateObjectMeta, validateObjectMetaUpdate } from "../meta/validation.ts";
import { checkCanonicalAddress } from "../validation/addresses.ts";
import { checkSyntax } from "../validation/checks.ts";
import { dns1123SubdomainComplaints, pathSegmentComplaints } from "../validation/names.ts";
import type { IPAddress, ParentReference } from "./type.ts";

const FIELD = "spec.parentRef";

export function validateIPAddress({ metadata, spec }: IPAddress): FieldError[] {
  return [
    ...validateObjectMeta(metadata, { namespaced: false, nameComplaints }),
    ...checkParent(spec?.parentRef),
  ];
}

export function validateIPAddressUpdate(update: IPAddress, old: IPAddress): FieldError[] {
  const errors = validateObjectMetaUpdate(update.metadata, old.metadata);
  const parent = update.spec?.parentRef;
  if (!isDeepStrictEqual(parent, old.spec?.parentRef)) errors.push(immutable(FIELD, parent));
  return errors;
}

function nameComplaints(name: string): string[] {
  return checkCanonicalAddress("metadata.name", name).map(({ detail }) => detail);
}

function checkParent(parent: ParentReference | undefined): FieldError[] {
  if (parent === undefined) return [required(FIELD)];
  const { group = "", resource = "", namespace = "", name = "" } = parent;
  const segment = (field: string, text: string): FieldError[] =>
    checkSyntax(`${FIELD}.${field}`, text, pathSegmentComplaints);
  return [
    // The core group, which Services are in, is the empty text.
    ...(group === "" ? [] : checkSyntax(`${FIELD}.group`, group, dns1123SubdomainComplaints)),
    ...(resource === "" ? [required(`${FIELD}.resource`)] : segment("resource", resource)),
    ...(name === "" ? [required(`${FIELD}.name`)] : segment("name", name)),
    ...(namespace === "" ? [] : segment("namespace", namespace)),
  ];
}
