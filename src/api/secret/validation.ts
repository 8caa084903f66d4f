/** Which Secrets are acceptable (pkg/apis/core/validation ValidateSecret). */
import type { FieldError } from "../field-error.ts";
import { immutable, invalidValue, required, tooLong } from "../field-error.ts";
import { checkImmutable, checkKeys, MAX_DATA_BYTES, sizeOf } from "../configmap/data-validation.ts";
import { validateObjectMeta, validateObjectMetaUpdate } from "../meta/validation.ts";
import { dns1123SubdomainComplaints } from "../validation/names.ts";
import { SECRET_TYPE, type Secret, SERVICE_ACCOUNT_NAME } from "./type.ts";

const RULES = { namespaced: true, nameComplaints: dns1123SubdomainComplaints };

export function validateSecret(secret: Secret): FieldError[] {
  return [...validateObjectMeta(secret.metadata, RULES), ...checkData(secret), ...checkType(secret)];
}

export function validateSecretUpdate(secret: Secret, old: Secret): FieldError[] {
  return [
    ...validateObjectMetaUpdate(secret.metadata, old.metadata),
    ...(secret.type === old.type ? [] : [immutable("type", secret.type)]),
    ...checkImmutable(secret, old, ["data"]),
    ...checkData(secret),
    ...checkType(secret),
  ];
}

function checkData({ data = {} }: Secret): FieldError[] {
  const errors = checkKeys("data", data);
  if (sizeOf(data, "base64") > MAX_DATA_BYTES) errors.push(tooLong("data", MAX_DATA_BYTES));
  return errors;
}

/** What a Secret must hold by its type. */
function checkType({ type, data = {}, metadata }: Secret): FieldError[] {
  const missing = (...keys: string[]): FieldError[] =>
    keys.filter((key) => !Object.hasOwn(data, key)).map((key) => required(`data[${key}]`));
  switch (type) {
    case SECRET_TYPE.serviceAccountToken:
      if ((metadata.annotations?.[SERVICE_ACCOUNT_NAME] ?? "") !== "") return [];
      return [required(`metadata.annotations[${SERVICE_ACCOUNT_NAME}]`)];
    case SECRET_TYPE.dockercfg:
      return checkJson(data, ".dockercfg");
    case SECRET_TYPE.dockerConfigJson:
      return checkJson(data, ".dockerconfigjson");
    case SECRET_TYPE.basicAuth: {
      // One of the two is enough.
      const absent = missing("username", "password");
      return absent.length === 2 ? absent : [];
    }
    case SECRET_TYPE.sshAuth:
      return (data["ssh-privatekey"] ?? "") === "" ? [required("data[ssh-privatekey]")] : [];
    case SECRET_TYPE.tls:
      return missing("tls.crt", "tls.key");
    default:
      return [];
  }
}

function checkJson(data: Readonly<Record<string, string>>, key: string): FieldError[] {
  const text = Object.hasOwn(data, key) ? data[key] : undefined;
  const field = `data[${key}]`;
  if (text === undefined) return [required(field)];
  const complaint = jsonComplaint(Buffer.from(text, "base64").toString());
  // The value is a secret, so that it is not in the message.
  return complaint === undefined ? [] : [invalidValue(field, "<secret contents redacted>", complaint)];
}

/** Why the text is no JSON object, in Go's words as far as they say nothing of what the text is. */
function jsonComplaint(text: string): string | undefined {
  if (text === "") return "unexpected end of JSON input";
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message would show a part of the secret.
    return "invalid character in JSON input";
  }
  if (value === null || (typeof value === "object" && !Array.isArray(value))) return undefined;
  const type = Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;
  return `json: cannot unmarshal ${type} into Go value of type map[string]interface {}`;
}
