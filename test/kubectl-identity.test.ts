/** The real kubectl and who asks: ConfigMaps, Secrets, ServiceAccounts, tokens, whoami, --as. Needs no root. */
import assert from "node:assert/strict";
import { mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { createInProcessClient } from "../src/client/in-process.ts";
import { startControllers } from "../src/controllers/controllers.ts";
import { type ApiFixture, startApi } from "./api-fixture.ts";
import { findKubectls, type Kubectl, kubectlFor } from "./kubectl-fixture.ts";

const TIMEOUT = { timeout: 30_000 };
const versions = findKubectls();
if (versions.length === 0 && process.env["CI"] === "true")
  throw new Error("there is no kubectl: install kubernetes-client, or the Google Cloud SDK's kubectl");
if (versions.length === 0) test("kubectl and identities", { skip: "no kubectl on this machine" }, () => {});

for (const version of versions) {
  const minor = Number(version.version.split(".")[1]);
  suite(`kubectl ${version.version} and identities`, { concurrency: false }, () => {
    let api: ApiFixture;
    let kubectl: Kubectl;
    /** Without any credentials of its own. */
    let bare: Kubectl;
    let cluster: readonly string[];
    const stack = new AsyncDisposableStack();
    after(async () => stack.disposeAsync());

    before(async () => {
      api = await startApi({ after: (undo) => stack.defer(undo) });
      const home = await mkdtemp(join(api.directory, "home-"));
      kubectl = kubectlFor(version, api.kubeconfig, home);
      const ca = join(home, "ca.crt");
      await writeFile(ca, api.server.ca);
      bare = kubectlFor(version, join(home, "no-kubeconfig"), home);
      cluster = ["--server", api.server.url, "--certificate-authority", ca];
      const end = new AbortController();
      const controllers = startControllers({
        client: createInProcessClient(api.server.registry, "system:fairlead"),
        signal: end.signal,
        identity: { ca: api.server.ca, issueLegacyToken: api.server.serviceAccountTokens.issueLegacy },
      });
      stack.defer(async () => {
        end.abort();
        await controllers.done;
      });
      await controllers.ready;
    });

    /** Tries until `done`, since controllers work when they are told and not when we ask. */
    async function eventually(args: readonly string[], done: (text: string) => boolean): Promise<string> {
      const deadline = Date.now() + 10_000;
      for (;;) {
        const { stdout } = await kubectl.run(args);
        if (done(stdout) || Date.now() > deadline) return stdout;
      }
    }

    test("create configmap, text and bytes", TIMEOUT, async () => {
      const file = join(api.directory, "logo.bin");
      await writeFile(file, new Uint8Array([0, 1, 255]));
      await kubectl.ok(["create", "configmap", "settings", "--from-literal=a=ä", `--from-file=logo=${file}`]);
      const text = await kubectl.ok(["get", "cm", "settings", "-o", "json"]);
      const { data, binaryData } = JSON.parse(text) as Record<string, unknown>;
      assert.deepEqual([data, binaryData], [{ a: "ä" }, { logo: "AAH/" }]);
      assert.match(await kubectl.ok(["get", "cm", "settings"]), /^NAME +DATA +AGE\nsettings +2 +\d+s\n$/);
      // kubectl 1.20 describes the text only.
      const described = version.version === "1.20" ? /^ä$/m : /ä[\s\S]*logo: 3 bytes/;
      assert.match(await kubectl.ok(["describe", "cm", "settings"]), described);
    });

    test("create secret generic, and the others", TIMEOUT, async () => {
      await kubectl.ok(["create", "secret", "generic", "key", "--from-literal=password=hush"]);
      const read = ["get", "secret", "key", "-o", "jsonpath={.type} {.data.password}"];
      assert.equal(await kubectl.ok(read), "Opaque aHVzaA==");
      assert.match(
        await kubectl.ok(["get", "secret", "key"]),
        /^NAME +TYPE +DATA +AGE\nkey +Opaque +1 +\d+s\n$/,
      );
      await kubectl.ok([
        "create",
        "secret",
        "docker-registry",
        "pull",
        "--docker-server=r",
        "--docker-username=u",
        "--docker-password=p",
      ]);
      const input = JSON.stringify({
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name: "key" },
        type: "Opaque",
        stringData: { user: "me" },
      });
      const { stderr } = await kubectl.run(["apply", "-f", "-"], { input });
      assert.doesNotMatch(stderr, /error/i);
      assert.equal(
        await kubectl.ok(["get", "secret", "key", "-o", "jsonpath={.data.user} {.data.password}"]),
        "bWU= aHVzaA==",
      );
      const bad = await kubectl.run([
        "create",
        "secret",
        "generic",
        "bad",
        "--type=kubernetes.io/tls",
        "--from-literal=a=b",
      ]);
      assert.match(bad.stderr, /data\[tls\.crt\]: Required value/);
    });

    test("each namespace has a ServiceAccount and the authority's certificate", TIMEOUT, async () => {
      await kubectl.ok(["create", "namespace", "shop"]);
      const names = ["get", "serviceaccounts,configmaps", "-n", "shop", "-o", "name"];
      assert.equal(
        await eventually(names, (text) => text.split("\n").length === 3),
        "serviceaccount/default\nconfigmap/kube-root-ca.crt\n",
      );
      const read = ["get", "cm", "kube-root-ca.crt", "-n", "shop", "-o", "jsonpath={.data.ca\\.crt}"];
      assert.equal(await kubectl.ok(read), api.server.ca);
    });

    test("create serviceaccount; a Secret for its token is filled, and lets in", TIMEOUT, async () => {
      await kubectl.ok(["create", "serviceaccount", "web"]);
      assert.match(await kubectl.ok(["get", "sa", "web"]), /^NAME +SECRETS +AGE\nweb +0 +\d+s\n$/);
      const input = JSON.stringify({
        apiVersion: "v1",
        kind: "Secret",
        type: "kubernetes.io/service-account-token",
        metadata: { name: "web-token", annotations: { "kubernetes.io/service-account.name": "web" } },
      });
      await kubectl.ok(["create", "-f", "-"], { input });
      const read = ["get", "secret", "web-token", "-o", "jsonpath={.data.token}"];
      const token = Buffer.from(await eventually(read, (text) => text !== ""), "base64").toString();
      const { stderr } = await bare.run([...cluster, "--token", token, "get", "secrets"]);
      assert.match(
        stderr,
        /secrets is forbidden: User "system:serviceaccount:default:web" cannot list resource "secrets"/,
      );
    });

    const whoami = async (): Promise<void> => {
      assert.match(await kubectl.ok(["auth", "whoami"]), /Username +fairlead-admin\n/);
      await kubectl.ok(["create", "serviceaccount", "me"]);
      const token = (await kubectl.ok(["create", "token", "me"])).trim();
      const answer = await bare.ok([...cluster, "--token", token, "auth", "whoami", "-o", "json"]);
      const { status } = JSON.parse(answer) as { status: { userInfo: { username: string } } };
      assert.equal(status.userInfo.username, "system:serviceaccount:default:me");
    };
    // kubectl 1.27 asks for the beta API only, older ones have no such command.
    if (minor >= 28) test("auth whoami", TIMEOUT, whoami);

    const createToken = async (): Promise<void> => {
      await kubectl.ok(["create", "serviceaccount", "app"]);
      const token = (await kubectl.ok(["create", "token", "app", "--duration=10m"])).trim();
      const known = await bare.run([...cluster, "--token", token, "get", "pods"]);
      assert.match(known.stderr, /User "system:serviceaccount:default:app" cannot list resource "pods"/);
      const short = await kubectl.run(["create", "token", "app", "--duration=1m"]);
      assert.match(short.stderr, /may not specify a duration less than 10 minutes/);
      const bound = await kubectl.ok([
        "create",
        "token",
        "app",
        "--bound-object-kind=Secret",
        "--bound-object-name=key",
      ]);
      await kubectl.ok(["delete", "secret", "key"]);
      const gone = await bare.run([...cluster, "--token", bound.trim(), "get", "pods"]);
      assert.match(gone.stderr, /You must be logged in to the server \(Unauthorized\)/);
    };
    // The command is as old as kubectl 1.24.
    if (minor >= 24) test("create token", TIMEOUT, createToken);

    test("--as", TIMEOUT, async () => {
      const refused = await kubectl.run(["get", "pods", "--as", "carol", "--as-group", "ops"]);
      assert.match(refused.stderr, /pods is forbidden: User "carol" cannot list resource "pods"/);
      assert.equal(
        await kubectl.ok(["auth", "can-i", "create", "services", "--as", "x", "--as-group=system:masters"]),
        "yes\n",
      );
    });

    test("nothing of this was the server's fault", () => {
      assert.deepEqual(api.faults, []);
    });
  });
}
