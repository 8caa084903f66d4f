/** Which Events are acceptable (pkg/apis/core/validation, the rules for v1). */
import type { FieldError } from "../field-error.ts";
import { invalidValue } from "../field-error.ts";
import { validateObjectMeta, validateObjectMetaUpdate } from "../meta/validation.ts";
import { dns1123SubdomainComplaints } from "../validation/names.ts";
import type { Event } from "./type.ts";

const RULES = { namespaced: true, nameComplaints: dns1123SubdomainComplaints };

export function validateEvent(event: Event): FieldError[] {
  return [...validateObjectMeta(event.metadata, RULES), ...checkPlace(event)];
}

export function validateEventUpdate(event: Event, old: Event): FieldError[] {
  return [...validateObjectMetaUpdate(event.metadata, old.metadata), ...checkPlace(event)];
}

/** An event is in the namespace of its object; one about an object outside namespaces is in "default". */
function checkPlace({ metadata, involvedObject }: Event): FieldError[] {
  const { namespace = "" } = involvedObject;
  const expected = namespace === "" ? "default" : namespace;
  if (metadata.namespace === expected) return [];
  return [invalidValue("involvedObject.namespace", namespace, "does not match event.namespace")];
}
