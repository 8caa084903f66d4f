import assert from "node:assert/strict";
import { test } from "node:test";
import { structure } from "../schema/json/structure.ts";
import { StructureError } from "../schema/json/structure.ts";
import { changed, checkCreates, checkUpdates } from "../validation/complaints-table.ts";
import { secretKind } from "./kind.ts";

const good = { metadata: { name: "key", namespace: "shop" }, data: { a: "AAEC" } };
const base64 = (text: string): string => Buffer.from(text).toString("base64");

test("a Secret is Opaque unless it says otherwise, and its stringData becomes data", () => {
  const secret = changed(secretKind, good, { stringData: { b: "ä", a: "new" } });
  assert.deepEqual(secret, {
    metadata: good.metadata,
    type: "Opaque",
    data: { a: base64("new"), b: base64("ä") },
  });
});

test("a Secret's data is base64", () => {
  const read = (): unknown => structure(secretKind.schema, { ...good, data: { a: "no base64" } });
  assert.throws(
    read,
    (error) => error instanceof StructureError && error.message === "illegal base64 data at input byte 2",
  );
});

test("types of Secrets have keys that must be there", () => {
  checkCreates(secretKind, good, [
    [{ type: "example.com/anything", data: null }],
    [
      { type: "kubernetes.io/service-account-token" },
      "metadata.annotations[kubernetes.io/service-account.name]: Required value",
    ],
    [
      {
        type: "kubernetes.io/service-account-token",
        metadata: { annotations: { "kubernetes.io/service-account.name": "web" } },
      },
    ],
    [{ type: "kubernetes.io/dockercfg" }, "data[.dockercfg]: Required value"],
    [{ type: "kubernetes.io/dockercfg", data: { ".dockercfg": base64("{}") } }],
    [
      { type: "kubernetes.io/dockerconfigjson", data: { ".dockerconfigjson": base64("hush") } },
      'data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": invalid character in JSON input',
    ],
    [
      { type: "kubernetes.io/dockerconfigjson", data: { ".dockerconfigjson": base64("[]") } },
      'data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": json: cannot unmarshal array into Go value of type map[string]interface {}',
    ],
    [
      { type: "kubernetes.io/basic-auth" },
      "data[username]: Required value",
      "data[password]: Required value",
    ],
    [{ type: "kubernetes.io/basic-auth", data: { password: "" } }],
    [
      { type: "kubernetes.io/ssh-auth", data: { "ssh-privatekey": "" } },
      "data[ssh-privatekey]: Required value",
    ],
    [{ type: "kubernetes.io/tls" }, "data[tls.crt]: Required value", "data[tls.key]: Required value"],
    [
      { data: { a: Buffer.alloc(1024 * 1024 + 1).toString("base64") } },
      "data: Too long: may not be more than 1048576 bytes",
    ],
  ]);
});

test("a Secret's type never changes, and an immutable one's data neither", () => {
  const text = "field is immutable when `immutable` is set";
  checkUpdates(secretKind, good, [
    [{ data: { a: "AA==" } }],
    [{ type: "other" }, 'type: Invalid value: "other": field is immutable'],
  ]);
  checkUpdates(secretKind, { ...good, immutable: true }, [
    [{ data: { a: "AA==" } }, `data: Forbidden: ${text}`],
    [{ immutable: false }, `immutable: Forbidden: ${text}`],
    [{ stringData: { b: "" } }, `data: Forbidden: ${text}`],
  ]);
});

test("a TLS Secret whose parts are not what they should be is stored with a warning", () => {
  const warn = (cert: string, key: string): string[] =>
    secretKind.warnings!(
      changed(secretKind, good, {
        type: "kubernetes.io/tls",
        stringData: { "tls.crt": cert, "tls.key": key },
      }),
    );
  assert.deepEqual(warn("x", "y"), ["tls: failed to find any PEM data in certificate input"]);
  const pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  assert.deepEqual(warn(pem, "y"), ["tls: failed to find any PEM data in key input"]);
  const key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
  assert.deepEqual(warn(pem, key), ["x509: malformed certificate"]);
});
