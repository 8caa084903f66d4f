/** Which Bindings are acceptable (pkg/apis/core/validation ValidatePodBinding). */
import type { FieldError } from "../field-error.ts";
import { notSupported, required } from "../field-error.ts";
import type { Binding } from "./type.ts";

export function validateBinding({ target }: Binding): FieldError[] {
  const { kind = "", name = "" } = target;
  const errors: FieldError[] = [];
  if (kind !== "" && kind !== "Node") errors.push(notSupported("target.kind", kind, ["Node", "<empty>"]));
  if (name === "") errors.push(required("target.name"));
  return errors;
}
