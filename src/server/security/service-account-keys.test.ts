import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { PkiError } from "./pki.ts";
import { jsonWebKey, openServiceAccountKeys } from "./service-account-keys.ts";
import { SignedTokens } from "./signed-tokens.ts";

async function directory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "fairlead-sa-"));
  t.after(async () => rm(path, { recursive: true }));
  return path;
}

test("the first start makes a key for its owner's eyes only, later starts keep it", async (t) => {
  const dataDir = await directory(t);
  const first = await openServiceAccountKeys(dataDir);
  assert.equal((await stat(join(dataDir, "pki", "sa.key"))).mode & 0o777, 0o600);
  const second = await openServiceAccountKeys(dataDir);
  assert.equal(second.signing.id, first.signing.id);
  const token = await new SignedTokens(first).sign({ sub: "a" });
  assert.deepEqual(await new SignedTokens(second).verify(token), { sub: "a" });
});

test("a renamed key still verifies beside the new one, until it is removed", async (t) => {
  const dataDir = await directory(t);
  const key = join(dataDir, "pki", "sa.key");
  const token = await new SignedTokens(await openServiceAccountKeys(dataDir)).sign({ sub: "a" });
  await rename(key, join(dataDir, "pki", "sa-old.key"));
  const rotated = await openServiceAccountKeys(dataDir);
  assert.equal(rotated.verification.size, 2);
  assert.deepEqual(await new SignedTokens(rotated).verify(token), { sub: "a" });
  await rm(join(dataDir, "pki", "sa-old.key"));
  assert.equal(await new SignedTokens(await openServiceAccountKeys(dataDir)).verify(token), undefined);
});

test("an operator's own RSA key signs, and public halves verify", async (t) => {
  const dataDir = await directory(t);
  await openServiceAccountKeys(dataDir);
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pki = join(dataDir, "pki");
  await writeFile(join(pki, "sa.key"), privateKey.export({ type: "pkcs1", format: "pem" }));
  await writeFile(join(pki, "sa-2.pub"), publicKey.export({ type: "spki", format: "pem" }));
  const keys = await openServiceAccountKeys(dataDir);
  assert.equal(keys.signing.algorithm, "RS256");
  assert.equal(keys.verification.size, 1, "both files hold the same key");
  const tokens = new SignedTokens(keys);
  assert.deepEqual(await tokens.verify(await tokens.sign({ sub: "a" })), { sub: "a" });
  const published = jsonWebKey(keys.signing);
  assert.deepEqual(Object.keys(published).sort(), ["alg", "e", "kid", "kty", "n", "use"]);
});

test("what is no key, or too weak a one, is named", async (t) => {
  const dataDir = await directory(t);
  await openServiceAccountKeys(dataDir);
  const extra = join(dataDir, "pki", "sa-x.pub");
  const { publicKey: weak } = generateKeyPairSync("rsa", { modulusLength: 1024 });
  const { publicKey: other } = generateKeyPairSync("ed25519");
  const rows: [string | Buffer, RegExp][] = [
    ["nonsense", /sa-x\.pub is not a key in PEM form/],
    [weak.export({ type: "spki", format: "pem" }), /sa-x\.pub is an RSA key of 1024 bits/],
    [other.export({ type: "spki", format: "pem" }), /sa-x\.pub is a key of type ed25519/],
  ];
  for (const [content, message] of rows) {
    await writeFile(extra, content);
    await assert.rejects(
      openServiceAccountKeys(dataDir),
      (error) => error instanceof PkiError && message.test(error.message),
    );
  }
  assert.match(await readFile(join(dataDir, "pki", "sa.key"), "utf8"), /PRIVATE KEY/);
});

test("a token seen before costs no signature check, and one changed in its last bits is another token", async (t) => {
  const keys = await openServiceAccountKeys(await directory(t));
  const tokens = new SignedTokens(keys);
  const many = await Promise.all(Array.from({ length: 50 }, async (_, n) => tokens.sign({ sub: `${n}` })));
  for (let round = 0; round < 3; round++)
    for (const [n, token] of many.entries())
      assert.deepEqual(await tokens.verify(token), { sub: `${n}` }, "the right claims for each token");
  const [token] = many as [string];
  const broken = `${token.slice(0, -4)}${token.endsWith("AAAA") ? "BBBB" : "AAAA"}`;
  assert.equal(await tokens.verify(broken), undefined);
});
