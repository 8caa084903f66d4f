/** A create of a subresource with a kind of its own: its body is made and checked as any object of that kind. */
import type { Kind, ValidationContext } from "../../api/kind.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import { invalid } from "../../api/status-errors.ts";
import { subresourceOf } from "../../api/subresources.ts";
import type { CallContext, ObjectKey, RegistryWriteOptions } from "../registry.ts";
import type { RulesByKind } from "./kind-rules.ts";
import { placeInNamespace } from "./metadata.ts";

interface SubresourceCreate {
  /** The main object. */
  readonly key: ObjectKey;
  readonly subresource: string;
  readonly body: KubeObject;
  readonly options: RegistryWriteOptions;
  readonly context: CallContext;
}

/** The answer of the main kind's rules. Throws ApiError, and TypeError for a subresource that cannot be created. */
export async function createSubresource<T extends KubeObject>(
  { rules, validation }: { readonly rules: RulesByKind; readonly validation: ValidationContext },
  kind: Kind<T>,
  { key, subresource, body: sent, options, context }: SubresourceCreate,
): Promise<KubeObject> {
  const part = subresourceOf(kind, subresource).kind;
  const its = rules.of(kind).subresources?.[subresource];
  if (its?.create === undefined) throw new TypeError(`${kind.plural}/${subresource} cannot be created`);
  const body = structuredClone(sent);
  part.prepareForCreate(body);
  if (part.namespaced) placeInNamespace(part, key.namespace, body);
  part.setDefaults(body);
  const errors = part.validate(body, validation);
  if (errors.length > 0) throw invalid(part, body.metadata.name ?? "", errors);
  return its.create(key, body, options, context);
}
