import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { KubeconfigError, loadKubeconfig } from "./kubeconfig.ts";

const PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

interface Directory extends AsyncDisposable {
  readonly path: string;
  write(name: string, content: string): Promise<string>;
}

async function directory(): Promise<Directory> {
  const path = await mkdtemp(join(tmpdir(), "fairlead-kubeconfig-"));
  return {
    path,
    async write(name, content) {
      const file = join(path, name);
      await mkdir(join(file, ".."), { recursive: true });
      await writeFile(file, content);
      return file;
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true }),
  };
}

function config(parts: { cluster?: string; user?: string; context?: string; current?: string } = {}): string {
  const {
    cluster = "server: https://127.0.0.1:6443",
    user = "token: t",
    context = "",
    current = "c",
  } = parts;
  return `
apiVersion: v1
kind: Config
current-context: "${current}"
clusters: [{ name: cl, cluster: { ${cluster} } }]
users: [{ name: us, user: { ${user} } }]
contexts: [{ name: c, context: { cluster: cl, user: us, ${context} } }]
`;
}

test("everything that is supported is read", async () => {
  await using dir = await directory();
  await dir.write("pki/ca.crt", PEM);
  const data = Buffer.from(PEM).toString("base64");
  const path = await dir.write(
    "config",
    config({
      cluster:
        "server: 'https://[::1]:6443/base', certificate-authority: pki/ca.crt, tls-server-name: kubernetes",
      user: `client-certificate-data: ${data}, client-key-data: ${data}, tokenFile: pki/token, as: bob, as-groups: [g]`,
      context: "namespace: shop",
    }),
  );
  assert.deepEqual(await loadKubeconfig({ path }), {
    server: "https://[::1]:6443/base",
    ca: PEM,
    tlsServerName: "kubernetes",
    clientCertificate: PEM,
    clientKey: PEM,
    tokenFile: join(dir.path, "pki/token"),
    impersonate: { user: "bob", groups: ["g"] },
    namespace: "shop",
    source: `context c of ${path}`,
  });
  const basic = await dir.write(
    "basic",
    config({
      cluster: "server: https://a, insecure-skip-tls-verify: true",
      user: "username: u, password: p",
    }),
  );
  assert.deepEqual(await loadKubeconfig({ path: basic }), {
    server: "https://a",
    insecureSkipTlsVerify: true,
    username: "u",
    password: "p",
    namespace: "default",
    source: `context c of ${basic}`,
  });
});

test("of several files the first that has an entry counts, missing ones do not matter", async () => {
  await using dir = await directory();
  const first = await dir.write(
    "first",
    "current-context: c\nusers: [{ name: us, user: { token: mine } }]\n",
  );
  const second = await dir.write("second", config({ current: "other" }));
  const env = { KUBECONFIG: [join(dir.path, "missing"), first, second].join(":") };
  const loaded = await loadKubeconfig({ env });
  assert.deepEqual([loaded.server, loaded.token], ["https://127.0.0.1:6443", "mine"]);
});

test("without KUBECONFIG it is the home's file, and without that the pod's service account", async () => {
  await using dir = await directory();
  const env = { HOME: dir.path, KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "443" };
  for (const [name, content] of [
    ["token", "t"],
    ["ca.crt", PEM],
    ["namespace", "shop\n"],
  ] as const)
    await dir.write(`sa/${name}`, content);
  const serviceAccount = join(dir.path, "sa");
  assert.deepEqual(await loadKubeconfig({ env, serviceAccount }), {
    server: "https://[fd00::1]:443",
    ca: PEM,
    tokenFile: join(serviceAccount, "token"),
    namespace: "shop",
    source: "the pod's service account",
  });
  await dir.write(".kube/config", config());
  assert.equal((await loadKubeconfig({ env, serviceAccount })).token, "t");
});

test("what cannot be used is named, with what to do", async () => {
  await using dir = await directory();
  const table: [content: string, message: RegExp][] = [
    [config({ user: "exec: { command: aws }" }), /user "us" of .*config uses exec, which is not supported/],
    [config({ user: "auth-provider: { name: gcp }" }), /uses auth-provider/],
    [config({ cluster: "server: https://a, proxy-url: http://b" }), /cluster "cl" of .* uses proxy-url/],
    [
      config({ user: "client-certificate-data: AAAA, client-key-data: AAAA" }),
      /client-certificate-data of .* is no PEM/,
    ],
    [config({ user: "client-certificate: nowhere" }), /client-certificate of .* cannot be read: ENOENT/],
    [config({ user: `client-key-data: ${Buffer.from(PEM).toString("base64")}` }), /only one of/],
    [config({ cluster: "server: 127.0.0.1:6443" }), /is "127.0.0.1:6443", which is no http or https URL/],
    [config({ cluster: "" }), /cluster "cl" of .* has no server/],
    [config({ current: "d" }), /there is no context "d" in /],
    [config({ current: "" }), /names no current-context/],
    ["- a list", /is no kubeconfig/],
    ["{", /cannot be read/],
  ];
  for (const [content, message] of table) {
    const path = await dir.write("config", content);
    await assert.rejects(loadKubeconfig({ path }), (error) => {
      assert.ok(error instanceof KubeconfigError);
      assert.match(error.message, message);
      return error.remedy !== "";
    });
  }
  await assert.rejects(loadKubeconfig({ path: join(dir.path, "missing") }), /missing cannot be read: ENOENT/);
  const nothing = async (env: Record<string, string>): Promise<string> =>
    loadKubeconfig({ env }).then(
      () => "",
      (error: Error) => error.message,
    );
  assert.equal(
    await nothing({ HOME: dir.path }),
    `no kubeconfig was found: there is no ${dir.path}/.kube/config`,
  );
  assert.equal(
    await nothing({ KUBECONFIG: "/nowhere/a" }),
    "there is no kubeconfig at /nowhere/a, which KUBECONFIG names",
  );
  assert.equal(
    await nothing({ KUBECONFIG: "/nowhere/a:/nowhere/b" }),
    "none of the kubeconfigs that KUBECONFIG names is there: /nowhere/a, /nowhere/b",
  );
});
