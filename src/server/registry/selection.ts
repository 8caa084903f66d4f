/** Which objects a request is about: label and field selectors of a query, checked and ready to ask. */
import type { Kind } from "../../api/kind.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import {
  checkFieldSelector,
  type FieldSelectorTerms,
  matchesFields,
  parseFieldSelector,
} from "../../api/selector/field-selector.ts";
import { parseLabelSelector, SelectorError } from "../../api/selector/label-selector.ts";
import { matchesLabels } from "../../api/selector/requirement.ts";
import { badRequest } from "../../api/status-errors.ts";
import { keyPrefix, storeKey } from "./keys.ts";

export interface Selection<T extends KubeObject> {
  /** Everything that can match is under this prefix. */
  readonly prefix: string;
  /** The only key that can match, where the query names one object. */
  readonly key?: string;
  /** Undefined: everything under the prefix matches. */
  readonly matches: ((object: T) => boolean) | undefined;
}

export interface SelectionQuery {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** Throws ApiError 400 for a selector that cannot be understood. */
export function selectionOf<T extends KubeObject>(kind: Kind<T>, query: SelectionQuery): Selection<T> {
  const { labels, fields } = parseSelectors(kind, query);
  const namespace = (query.namespace ?? "") === "" ? equalTo(fields, "metadata.namespace") : query.namespace;
  const prefix = keyPrefix(kind, namespace);
  const name = equalTo(fields, "metadata.name");
  const matches =
    labels.length === 0 && fields.length === 0
      ? undefined
      : (object: T): boolean =>
          matchesLabels(labels, object.metadata.labels ?? {}) && matchesFields(kind, fields, object);
  if (name === undefined || name === "" || (kind.namespaced && namespace === undefined))
    return { prefix, matches };
  const key = storeKey(kind, namespace === undefined ? { name } : { namespace, name });
  return { prefix, key, matches };
}

function parseSelectors<T extends KubeObject>(kind: Kind<T>, query: SelectionQuery) {
  try {
    const labels = parseLabelSelector(query.labelSelector ?? "");
    const fields = parseFieldSelector(query.fieldSelector ?? "");
    checkFieldSelector(kind, fields);
    return { labels, fields };
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    throw badRequest(error.message);
  }
}

function equalTo(fields: FieldSelectorTerms, field: string): string | undefined {
  return fields.find((term) => term.field === field && term.operator === "=")?.value;
}
