/** Which ConfigMaps are acceptable (pkg/apis/core/validation ValidateConfigMap). */
import type { FieldError } from "../field-error.ts";
import { invalidValue, tooLong } from "../field-error.ts";
import { validateObjectMeta, validateObjectMetaUpdate } from "../meta/validation.ts";
import { dns1123SubdomainComplaints } from "../validation/names.ts";
import { checkImmutable, checkKeys, MAX_DATA_BYTES, sizeOf } from "./data-validation.ts";
import type { ConfigMap } from "./type.ts";

const RULES = { namespaced: true, nameComplaints: dns1123SubdomainComplaints };

export function validateConfigMap(configMap: ConfigMap): FieldError[] {
  return [...validateObjectMeta(configMap.metadata, RULES), ...checkData(configMap)];
}

export function validateConfigMapUpdate(configMap: ConfigMap, old: ConfigMap): FieldError[] {
  return [
    ...validateObjectMetaUpdate(configMap.metadata, old.metadata),
    ...checkImmutable(configMap, old, ["data", "binaryData"]),
    ...checkData(configMap),
  ];
}

function checkData({ data = {}, binaryData = {} }: ConfigMap): FieldError[] {
  const errors = [
    ...checkKeys("data", data),
    ...Object.keys(data)
      .filter((key) => Object.hasOwn(binaryData, key))
      .map((key) => invalidValue(`data[${key}]`, key, "duplicate of key present in binaryData")),
    ...checkKeys("binaryData", binaryData),
  ];
  // The object as a whole is meant: "[]" is how upstream's empty path reads.
  if (sizeOf(data, "utf8") + sizeOf(binaryData, "base64") > MAX_DATA_BYTES)
    errors.push(tooLong("[]", MAX_DATA_BYTES));
  return errors;
}
