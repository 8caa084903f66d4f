import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { parse } from "yaml";
import { formatKubeconfig, KubeconfigError, writeKubeconfig } from "./kubeconfig.ts";
import { openPki, type PkiOptions, PkiError } from "./pki.ts";

const DAY = 86_400_000;

async function directory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "fairlead-pki-"));
  t.after(async () => rm(path, { recursive: true }));
  return path;
}

test("a first start makes an authority, and under it a server's and an administrator's certificate", async (t) => {
  const dataDir = await directory(t);
  const pki = await openPki({
    dataDir,
    names: ["127.0.0.1", "::1", "kubernetes.default.svc"],
    now: Date.now(),
  });
  const authority = new X509Certificate(pki.authority.certificate);
  assert.ok(authority.ca);
  for (const pair of [pki.server, pki.admin]) {
    const certificate = new X509Certificate(pair.certificate);
    assert.ok(certificate.verify(authority.publicKey));
    assert.ok(!certificate.ca);
  }
  const server = new X509Certificate(pki.server.certificate);
  assert.equal(server.checkIP("127.0.0.1"), "127.0.0.1");
  assert.ok(server.checkIP("::1"));
  assert.equal(server.checkHost("kubernetes.default.svc"), "kubernetes.default.svc");
  assert.equal(new X509Certificate(pki.admin.certificate).subject, "O=system:masters\nCN=fairlead-admin");
  const files = await readdir(join(dataDir, "pki"));
  assert.deepEqual(files.sort(), ["admin.crt", "admin.key", "ca.crt", "ca.key", "server.crt", "server.key"]);
  for (const file of files) assert.equal((await stat(join(dataDir, "pki", file))).mode & 0o777, 0o600, file);
});

test("a later start keeps what is good, and renews what is about to expire or lacks a name", async (t) => {
  const base: PkiOptions = { dataDir: await directory(t), names: ["127.0.0.1"], now: Date.now() };
  const first = await openPki(base);
  assert.deepEqual(await openPki(base), first);
  const later = await openPki({ ...base, now: base.now + 300 * DAY });
  assert.equal(later.authority.certificate, first.authority.certificate);
  assert.notEqual(later.server.certificate, first.server.certificate);
  assert.notEqual(later.admin.certificate, first.admin.certificate);
  const named = await openPki({ ...base, names: ["127.0.0.1", "10.9.8.7"], now: base.now + 300 * DAY });
  assert.notEqual(named.server.certificate, later.server.certificate);
  assert.equal(named.admin.certificate, later.admin.certificate);
});

test("a damaged or half-missing pair is named, not replaced", async (t) => {
  const options: PkiOptions = { dataDir: await directory(t), names: [], now: Date.now() };
  await openPki(options);
  const ca = join(options.dataDir, "pki", "ca");
  const key = await readFile(`${ca}.key`);
  await rm(`${ca}.key`);
  await assert.rejects(
    openPki(options),
    (error) => error instanceof PkiError && error.message.includes("ca.key"),
  );
  await writeFile(`${ca}.key`, key);
  await writeFile(`${ca}.crt`, "nonsense");
  await assert.rejects(openPki(options), /ca\.crt is not a certificate/);
});

test("a kubeconfig is written with mode 0600, replaced if it is ours, and left alone if it is not", async (t) => {
  const path = join(await directory(t), "new", "kubeconfig");
  const text = formatKubeconfig("https://127.0.0.1:1", "CA", { certificate: "C", key: "K" });
  await writeKubeconfig(path, text);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const config = parse(await readFile(path, "utf8")) as Record<string, unknown>;
  assert.equal(config["current-context"], "fairlead");
  const other = formatKubeconfig("https://127.0.0.1:2", "CA", { certificate: "C", key: "K" });
  await writeKubeconfig(path, other);
  assert.equal(await readFile(path, "utf8"), other);
  for (const foreign of [
    "not: [yaml",
    "apiVersion: v1\nclusters: [{name: work}]\nusers: []\ncontexts: []\n",
    "42",
  ]) {
    await writeFile(path, foreign);
    await assert.rejects(writeKubeconfig(path, text), KubeconfigError, foreign);
    assert.equal(await readFile(path, "utf8"), foreign);
  }
});
