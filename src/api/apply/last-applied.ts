/**
 * The annotation in which kubectl's client-side apply keeps what it applied, when kubectl goes over to server-side apply
 * (apimachinery util/managedfields/internal/lastapplied*.go).
 */
import type { KubeObject } from "../meta/type.ts";
import { isTooDeep } from "../schema/json/depth.ts";
import { type Comparison, compare } from "./compare.ts";
import { difference, type FieldSet, NO_FIELDS } from "./field-set.ts";
import { fieldSetOf } from "./set-of.ts";
import { isMap, type Shape } from "./shape.ts";

export const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";
/** The field manager for which the annotation is looked after. */
export const KUBECTL = "kubectl";
/** The most bytes that all annotations may have together. */
const MAX_ANNOTATION_BYTES = 256 * 1024;

/** The fields that client-side apply set and nobody has changed since: kubectl may take them without being asked. */
export function fieldsLastApplied(
  shape: Shape,
  live: KubeObject,
  liveWithoutManagers: unknown,
  apiVersion: string,
): FieldSet {
  const text = live.metadata.annotations?.[LAST_APPLIED];
  if (text === undefined || text === "") return NO_FIELDS;
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch {
    // Anybody may write annotations: one that is no JSON tells nothing.
    return NO_FIELDS;
  }
  if (isTooDeep(config)) return NO_FIELDS;
  if (!isMap(config) || config["apiVersion"] !== apiVersion) return NO_FIELDS;
  const { added, modified, removed }: Comparison = compare(shape, config, liveWithoutManagers);
  return difference(difference(difference(fieldSetOf(shape, config), modified), added), removed);
}

/** Keeps the annotation, where there is one, in step with what kubectl now applies on the server. Mutates `object`. */
export function updateLastApplied(object: KubeObject, config: Readonly<Record<string, unknown>>): void {
  const { annotations } = object.metadata;
  if (annotations?.[LAST_APPLIED] === undefined) return;
  const text = `${JSON.stringify(withoutAnnotation(config))}\n`;
  let bytes = 0;
  for (const [key, value] of Object.entries({ ...annotations, [LAST_APPLIED]: text }))
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  const { [LAST_APPLIED]: _old, ...others } = annotations;
  object.metadata.annotations =
    bytes > MAX_ANNOTATION_BYTES ? others : { ...annotations, [LAST_APPLIED]: text };
}

function withoutAnnotation(config: Readonly<Record<string, unknown>>): unknown {
  const { metadata } = config;
  if (!isMap(metadata) || !isMap(metadata["annotations"])) return config;
  const { [LAST_APPLIED]: _own, ...annotations } = metadata["annotations"];
  const { annotations: _all, ...rest } = metadata;
  const kept = Object.keys(annotations).length > 0 ? { ...rest, annotations } : rest;
  return { ...config, metadata: kept };
}
