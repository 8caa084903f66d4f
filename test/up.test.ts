/** `fairlead up`, `status` and `trace` as a user meets them: what they say when all is well, and when it is not. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, watch } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { fairleadUp, runFairlead } from "./lab/fairlead.ts";

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "fairlead-up-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Nothing of the machine's is touched: no containers, the proxy, any free port. */
const QUIET = ["--bind", "127.0.0.1:0", "--containers", "none", "--dataplane", "userspace"];

async function refusal(
  args: readonly string[],
  env: Record<string, string> = {},
  unprivileged = false,
): Promise<string> {
  const { code, stdout, stderr } = await runFairlead(args, { env, unprivileged });
  assert.equal(code, 1, `${stdout}${stderr}`);
  assert.equal(stderr.trimEnd().split("\n").length, 1, `one line, not:\n${stderr}`);
  return stderr;
}

test("each thing that can be wrong at the start is one line that says what, and what to do", async (t) => {
  const dataDir = scratch(t);
  const up = (...args: string[]): string[] => ["up", "--data-dir", dataDir, ...args];

  await t.test("the port is taken", async (t) => {
    const other = createServer().listen(0, "127.0.0.1");
    t.after(() => other.close());
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    const line = await refusal(
      up("--containers", "none", "--dataplane", "userspace", "--bind", `127.0.0.1:${port}`),
    );
    assert.match(line, new RegExp(`127\\.0\\.0\\.1:${port}`));
    assert.match(line, /--bind/);
  });

  await t.test("no right to program the kernel", async () => {
    const line = await refusal(up("--dataplane", "nftables", "--containers", "none"), {}, true);
    assert.match(line, /CAP_NET_ADMIN|root/);
    assert.match(line, /userspace|sudo|root/);
  });

  await t.test("no Docker engine", async (t) => {
    // A folder of its own: another service range than at the last start would be told in a line of the log.
    const line = await refusal(["up", "--data-dir", scratch(t), ...QUIET, "--containers", "docker"], {
      DOCKER_HOST: `unix://${dataDir}/docker.sock`,
    });
    assert.match(line, /docker\.sock/);
  });

  await t.test("a data directory in use", async () => {
    await using _running = await fairleadUp(["--data-dir", dataDir, ...QUIET]);
    const line = await refusal(up(...QUIET));
    assert.match(line, new RegExp(String(_running.pid)));
  });

  await t.test("a server that is away", async () => {
    const line = await refusal(["status", "--kubeconfig", join(dataDir, "kubeconfig")]);
    assert.match(line, /cannot be reached: .*: is `fairlead up` running there\?/);
  });

  await t.test("a data directory of another version", async () => {
    const database = new DatabaseSync(join(dataDir, "store/store.db"));
    database.exec("PRAGMA user_version = 999");
    database.close();
    const line = await refusal(up(...QUIET));
    assert.match(line, /version 999/);
  });

  await t.test("options that mean nothing", async () => {
    assert.match(await refusal(up("--service-cidr", "10.96.0.1/16")), /--service-cidr "10.96.0.1\/16"/);
    assert.match(await refusal(["trace", "10.96.0.10:http"]), /"10.96.0.10:http" is neither an address/);
    assert.match(await refusal(["status", "--kubeconfig", join(dataDir, "none")]), /no kubeconfig at/);
  });
});

test("it says what it chose, writes the kubeconfig for its owner only, and stops on SIGTERM", async (t) => {
  const dataDir = scratch(t);
  const kubeconfig = join(dataDir, "config");
  await using up = await fairleadUp([
    "--data-dir",
    dataDir,
    ...QUIET,
    "--kubeconfig",
    kubeconfig,
    "--node-name",
    "here",
  ]);
  assert.match(up.stdout(), /API +https:\/\/127\.0\.0\.1:\d+/);
  assert.match(up.stdout(), /data plane +userspace/);
  assert.match(up.stdout(), /node +here/);
  assert.equal(statSync(kubeconfig).mode & 0o777, 0o600);

  const status = await runFairlead(["status", "--kubeconfig", kubeconfig]);
  assert.equal(status.code, 0, status.stderr);
  assert.match(status.stdout, /default\/kubernetes +ClusterIP +127\.96\.0\.1/);

  const trace = await runFairlead(["trace", "127.96.7.7:80", "--kubeconfig", kubeconfig]);
  assert.equal(trace.code, 0, trace.stderr);
  assert.match(trace.stdout, /refused/);

  const { code, stderr } = await up.end("SIGTERM");
  assert.equal(code, 0, stderr);
  assert.equal(stderr, "");
});

test("stopped before it is ready, it ends without a word", async (t) => {
  const dataDir = scratch(t);
  const written = Promise.withResolvers<void>();
  const watcher = watch(dataDir, (_, file) => {
    if (file === "kubeconfig") written.resolve();
  });
  t.after(() => watcher.close());
  await using up = await fairleadUp(["--data-dir", dataDir, ...QUIET], { until: written.promise });
  const { code, stderr } = await up.end("SIGTERM");
  assert.equal(stderr, "");
  assert.equal(code, 0);
});

test("--help teaches: every command has a description and an example", async () => {
  const help = await runFairlead(["--help"]);
  for (const command of ["up", "status", "trace", "demo"]) {
    assert.match(help.stdout, new RegExp(`^  ${command}\\b.* {2,}\\S`, "m"));
    const own = await runFairlead([command, "--help"]);
    assert.equal(own.code, 0);
    assert.ok(own.stdout.length > 200, own.stdout);
  }
});
