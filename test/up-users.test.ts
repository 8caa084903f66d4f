/** Users of `fairlead up` as an operator makes them, and the audit that they leave. Needs no root. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ApiError } from "../src/api/api-error.ts";
import { configMapKind } from "../src/api/configmap/kind.ts";
import { secretKind } from "../src/api/secret/kind.ts";
import { selfSubjectReviewKind } from "../src/api/selfsubjectreview/kind.ts";
import { serviceAccountKind } from "../src/api/serviceaccount/kind.ts";
import { createHttpClient } from "../src/client/http.ts";
import { loadKubeconfig } from "../src/client/kubeconfig.ts";
import { fairleadUp, runFairlead } from "./lab/fairlead.ts";

test(
  "a user made by `fairlead user create` is known by name and groups, and every write is in the audit",
  { timeout: 60_000 },
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), "fairlead-users-"));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    const dataDir = join(directory, "data");
    const create = async (...args: string[]): ReturnType<typeof runFairlead> =>
      runFairlead(["user", "create", ...args, "--data-dir", dataDir]);

    const early = await create("alice");
    assert.equal(early.code, 1);
    assert.match(
      early.stderr,
      /^fairlead: there is no certificate authority in .* yet: `fairlead up` makes it\n$/,
    );

    await using up = await fairleadUp([
      "--data-dir",
      dataDir,
      "--bind",
      "127.0.0.1:0",
      "--containers",
      "none",
      "--dataplane",
      "none",
    ]);
    const file = join(directory, "alice.kubeconfig");
    const made = await create("alice", "--group", "dev", "--group", "ops", "--kubeconfig", file);
    assert.equal(made.code, 0, made.stderr);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const printed = await create("bob");
    assert.match(printed.stdout, /^apiVersion: v1\nkind: Config\n/);
    const long = await create("a".repeat(65));
    assert.match(long.stderr, /cannot be the name of a user or group: it must have 1 to 64 characters/);

    using alice = createHttpClient(await loadKubeconfig({ path: file }));
    const { status } = await alice.create(selfSubjectReviewKind, { metadata: {} });
    assert.deepEqual(status?.userInfo, { username: "alice", groups: ["dev", "ops", "system:authenticated"] });
    const metadata = { name: "x", namespace: "default" };
    await assert.rejects(
      alice.create(secretKind, { metadata, stringData: { key: "hush" } }),
      (error) => error instanceof ApiError && error.code === 403 && error.message.includes('User "alice"'),
    );

    using admin = createHttpClient(await loadKubeconfig({ path: join(dataDir, "kubeconfig") }));
    const ca = await admin.get(configMapKind, { namespace: "default", name: "kube-root-ca.crt" });
    assert.match(ca.data?.["ca.crt"] ?? "", /BEGIN CERTIFICATE/);
    await admin.get(serviceAccountKind, { namespace: "kube-system", name: "default" });

    await up.end("SIGTERM");
    const path = join(dataDir, "audit.log");
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const text = readFileSync(path, "utf8");
    const lines = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      lines.map(({ verb, user, objectRef, responseStatus }) => ({ verb, user, objectRef, responseStatus })),
      [
        {
          verb: "create",
          user: { username: "alice", groups: ["dev", "ops", "system:authenticated"] },
          objectRef: { resource: "secrets", namespace: "default", apiVersion: "v1" },
          responseStatus: {
            metadata: {},
            code: 403,
            status: "Failure",
            message:
              'secrets is forbidden: User "alice" cannot create resource "secrets" in API group "" in the namespace "default"',
            reason: "Forbidden",
          },
        },
      ],
    );
  },
);
