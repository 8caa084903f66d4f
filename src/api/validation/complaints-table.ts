/** Test code: runs a table of changes to a good object against the errors that validation must give for each. */
import assert from "node:assert/strict";
import { formatFieldError } from "../field-error.ts";
import type { Kind, ValidationContext } from "../kind.ts";
import type { KubeObject } from "../meta/type.ts";
import { applyMergePatch } from "../patch/merge-patch.ts";
import { structure } from "../schema/json/structure.ts";

/** A merge patch, and the errors of the object that it makes: "path: text". */
export type Row = readonly [patch: object, ...errors: readonly string[]];

export const CONTEXT: ValidationContext = { ipFamilies: ["IPv4", "IPv6"] };

/** The good object changed by the patch, canonical and defaulted, as the server has it when it validates. */
export function changed<T extends KubeObject>(kind: Kind<T>, good: unknown, patch: object): T {
  const { object } = structure(kind.schema, applyMergePatch(good, patch));
  kind.setDefaults(object);
  return object;
}

export function checkCreates<T extends KubeObject>(kind: Kind<T>, good: unknown, rows: readonly Row[]): void {
  assert.deepEqual(texts(kind.validate(changed(kind, good, {}), CONTEXT)), [], "the good object");
  for (const [patch, ...errors] of rows)
    assert.deepEqual(
      texts(kind.validate(changed(kind, good, patch), CONTEXT)),
      errors,
      JSON.stringify(patch),
    );
}

/** Each row changes the stored object; `old` is changed by a patch of its own first if the row has one. */
export function checkUpdates<T extends KubeObject>(kind: Kind<T>, old: unknown, rows: readonly Row[]): void {
  const before = changed(kind, old, {});
  for (const [patch, ...errors] of rows) {
    const after = changed(kind, old, patch);
    kind.prepareForUpdate(after, before);
    assert.deepEqual(texts(kind.validateUpdate(after, before, CONTEXT)), errors, JSON.stringify(patch));
  }
}

function texts(errors: Parameters<typeof formatFieldError>[0][]): string[] {
  return errors.map((error) => formatFieldError(error));
}
