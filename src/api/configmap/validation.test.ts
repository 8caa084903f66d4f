import { test } from "node:test";
import { checkCreates, checkUpdates } from "../validation/complaints-table.ts";
import { configMapKind } from "./kind.ts";

const good = {
  metadata: { name: "settings", namespace: "shop" },
  data: { "app.conf": "a=1", _x: "" },
  binaryData: { logo: "AAEC" },
};
const KEY = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
const EXAMPLES =
  "(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

test("keys of a ConfigMap are names of files, each in one of the two maps", () => {
  checkCreates(configMapKind, good, [
    [{ data: { "a/b": "" } }, `data[a/b]: Invalid value: "a/b": ${KEY} ${EXAMPLES}`],
    [{ data: { "..": "" } }, `data[..]: Invalid value: "..": must not be '..'`],
    [{ data: { ".": "" } }, `data[.]: Invalid value: ".": must not be '.'`],
    [{ binaryData: { "..a": "" } }, `binaryData[..a]: Invalid value: "..a": must not start with '..'`],
    [
      { data: { ["k".repeat(254)]: "" } },
      `data[${"k".repeat(254)}]: Invalid value: "${"k".repeat(254)}": must be no more than 253 characters`,
    ],
    [{ data: { logo: "x" } }, 'data[logo]: Invalid value: "logo": duplicate of key present in binaryData'],
  ]);
});

test("a ConfigMap holds a mebibyte, text counted in UTF-8 and binary data decoded", () => {
  const MIB = 1024 * 1024;
  const tooLong = "[]: Too long: may not be more than 1048576 bytes";
  const bare = { ...good, data: {}, binaryData: {} };
  checkCreates(configMapKind, bare, [
    [{ data: { a: "x".repeat(MIB) } }],
    [{ data: { a: "x".repeat(MIB + 1) } }, tooLong],
    [{ data: { a: "ä".repeat(MIB / 2) } }],
    [{ data: { a: "ä".repeat(MIB / 2), b: "x" } }, tooLong],
    [{ binaryData: { a: Buffer.alloc(MIB).toString("base64") } }],
    [{ binaryData: { a: Buffer.alloc(MIB).toString("base64") }, data: { b: "x" } }, tooLong],
  ]);
});

test("an immutable ConfigMap keeps its data and stays immutable", () => {
  const text = "field is immutable when `immutable` is set";
  checkUpdates(configMapKind, good, [[{ immutable: true, data: { a: "2" } }]]);
  checkUpdates(configMapKind, { ...good, immutable: true }, [
    [{ metadata: { labels: { a: "b" } } }],
    [{ immutable: null }, `immutable: Forbidden: ${text}`],
    [{ immutable: false, data: { a: "2" } }, `immutable: Forbidden: ${text}`, `data: Forbidden: ${text}`],
    [{ binaryData: null }, `binaryData: Forbidden: ${text}`],
  ]);
});
