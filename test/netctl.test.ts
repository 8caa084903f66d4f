/** netctl as a user types it, against a real `fairlead up`: every command, its exit code, and what kubectl's API then has. */
import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { networkKind } from "../src/api/network/kind.ts";
import { nodeKind } from "../src/api/node/kind.ts";
import { podKind } from "../src/api/pod/kind.ts";
import type { PodStatus } from "../src/api/pod/type.ts";
import { serviceKind } from "../src/api/service/kind.ts";
import { serviceAccountKind } from "../src/api/serviceaccount/kind.ts";
import { createHttpClient, type HttpClient } from "../src/client/http.ts";
import { loadKubeconfig } from "../src/client/kubeconfig.ts";
import type { Inspection, NetworkConfig, ServiceConfig, ServiceOper } from "../src/contiv/wire.ts";
import { needsPrograms } from "./lab/dns.ts";
import { type Finished, fairleadUp, runNetctl, type Up } from "./lab/fairlead.ts";
import { until } from "./lab/eventually.ts";

const NETCTL = join(import.meta.dirname, "../bin/netctl");
/** Milliseconds until what is waited for has come. */
const DEADLINE = 20_000;

let directory: string;
let up: Up;
let client: HttpClient;
let env: Record<string, string>;

before(async () => {
  directory = mkdtempSync(join(tmpdir(), "netctl-test-"));
  const options = [
    "--bind",
    "127.0.0.1:0",
    "--netmaster",
    "127.0.0.1:0",
    "--containers",
    "none",
    "--dataplane",
    "none",
  ];
  up = await fairleadUp(["--data-dir", join(directory, "data"), ...options]);
  const kubeconfig = join(directory, "data/kubeconfig");
  client = createHttpClient(await loadKubeconfig({ path: kubeconfig }));
  await client.create(nodeKind, { metadata: { name: "n1" } });
  env = { KUBECONFIG: kubeconfig, HOME: directory, NETMASTER: "" };
});

after(async () => {
  client[Symbol.dispose]();
  await up[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

/** A line as it is typed, without quotes. */
async function netctl(line: string, more: Record<string, string> = {}): Promise<Finished> {
  return runNetctl(line.split(" "), { env: { ...env, ...more } });
}

/** Exit code 0, nothing on stderr; gives stdout. */
async function done(line: string): Promise<string> {
  const { code, stdout, stderr } = await netctl(line);
  assert.deepEqual([code, stderr], [0, ""], line);
  return stdout;
}

async function refused(line: string, code: number, stderr: RegExp): Promise<void> {
  const finished = await netctl(line);
  assert.equal(finished.code, code, `${line}: ${finished.stderr}`);
  assert.match(finished.stderr, stderr, line);
}

async function inspect(name: string): Promise<Inspection<ServiceConfig, ServiceOper>> {
  return JSON.parse(await done(`service inspect ${name}`)) as Inspection<ServiceConfig, ServiceOper>;
}

/** A container, as its runtime would tell of it. */
async function runPod(name: string, labels: Record<string, string>, ready = true): Promise<void> {
  const pod = await client.create(podKind, {
    metadata: { namespace: "default", name, labels },
    spec: { nodeName: "n1", containers: [{ name: "c", image: "web" }] },
  });
  const address = `10.9.0.${name.charCodeAt(0)}`;
  const status: PodStatus = {
    phase: "Running",
    podIP: address,
    podIPs: [{ ip: address }],
    conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
  };
  await client.update(podKind, { ...pod, status }, { subresource: "status" });
}

/** The rows below the dashes, each as its cells. */
function rows(table: string): string[][] {
  return table
    .trimEnd()
    .split("\n")
    .slice(2)
    .map((line) => line.split(/ {2,}/).filter((cell) => cell !== ""));
}

describe("netctl", () => {
  test("networks: create, ls, inspect, rm, and what the Kubernetes API has of them", async () => {
    assert.equal(
      await done("net create contiv-srv-net -s 100.1.1.0/24 -n infra"),
      "Creating network default:contiv-srv-net\n",
    );
    assert.equal(
      await done(
        "network create -nw-type=infra -e vlan -p 7 --subnet=10.2.0.10-10.2.0.20/24 -g 10.2.0.254 -s6 fd00:2::/64 -g6 fd00:2::1 -tag x six",
      ),
      "Creating network default:six\n",
    );
    const network = await client.get(networkKind, { namespace: "default", name: "six" });
    assert.deepEqual(network.spec, {
      type: "Infra",
      encapsulation: "VLAN",
      packetTag: 7,
      subnet: "10.2.0.0/24",
      range: "10.2.0.10-10.2.0.20",
      gateway: "10.2.0.254",
      ipv6Subnet: "fd00:2::/64",
      ipv6Gateway: "fd00:2::1",
      tag: "x",
    });
    const table = await done("net ls");
    assert.match(
      table,
      /^Tenant {3}Network {9}Nw Type {2}Encap type {2}Packet tag {2}Subnet .*Gateway .*IPv6Subnet {3}IPv6Gateway {2}Cfgd Tag \n-/,
    );
    assert.deepEqual(
      rows(table).map((row) => row.slice(0, 6)),
      [
        ["default", "contiv-srv-net", "infra", "vxlan", "0", "100.1.1.0/24"],
        ["default", "six", "infra", "vlan", "7", "10.2.0.10-10.2.0.20/24"],
      ],
    );
    assert.equal(await done("network list -q"), "contiv-srv-net\nsix\n");
    const json = JSON.parse(await done("net ls --json")) as NetworkConfig[];
    assert.equal(json[1]!.subnet, "10.2.0.10-10.2.0.20/24");
    const { Config: config } = JSON.parse(await done("net inspect six")) as Inspection<
      NetworkConfig,
      unknown
    >;
    assert.equal(config.networkName, "six");
    assert.equal(await done("net delete six"), "Deleting network default:six\n");
    await refused("net inspect six", 3, /^netctl: .*six.*\n$/);
    await refused("net rm six", 3, /^netctl: .*six.*\n$/);
  });

  test("a network that is wrong is refused and not made: overlap, too long a name, no subnet, a tenant that is not there", async () => {
    await refused("net create other -s 100.1.1.0/25 -n infra", 3, /^netctl: .*100\.1\.1\.0/);
    await refused(`net create ${"n".repeat(65)} -s 10.3.0.0/24 -n infra`, 3, /networkName string too long/);
    await refused("net create bad -s 10.3.0.0/33 -n infra", 3, /^netctl: /);
    await refused("net create bad", 1, /^netctl: Subnet is required\n$/);
    await refused("net create bad -s 10.3.0.0/24 -t nobody", 3, /^netctl: Tenant nobody not found/i);
    await refused("net ls -t nobody", 3, /^netctl: .*nobody/);
    assert.equal(await done("net ls -q -a"), "contiv-srv-net\n");
  });

  test("tenants: create, ls, inspect, rm", async () => {
    assert.equal(await done("tenant create blue"), "Creating tenant: blue\n");
    const names = (await done("tenant ls -q")).trimEnd().split("\n");
    assert.ok(names.includes("default") && names.includes("blue"), names.join());
    assert.match(await done("tenant ls"), /^Name +\n-{6} +\n/);
    assert.equal((JSON.parse(await done("tenant ls --json")) as unknown[]).length, names.length);
    assert.match(await done("tenant inspect blue"), /"tenantName": "blue"/);
    await done("net create -t blue n -s 10.4.0.0/24 -n infra");
    assert.equal(await done("net ls -t blue -q"), "n\n");
    await refused("tenant rm blue", 3, /cannot delete blue has 1 networks/);
    await done("net rm n --tenant blue");
    assert.equal(await done("tenant delete blue"), "Deleting tenant blue\n");
    await until(async () => !(await done("tenant ls -q")).includes("blue"));
    await refused("tenant inspect blue", 3, /blue/);
  });

  test("services: the document's create, ls with IP, ports and providers, inspect, describe, update, rm", async () => {
    const labels = { tier: "web", release: "stable", environment: "prod", version: "1.0" };
    await runPod("a", labels);
    await runPod("b", labels, false);
    await runPod("c", { tier: "db" });
    assert.equal(
      await done(
        "service create app-svc --network contiv-srv-net --tenant default --selector=tier=web --selector=release=stable --selector=environment=prod --port 8080:80:TCP",
      ),
      "Creating ServiceLB default:app-svc\n",
    );
    await until(async () => (await inspect("app-svc")).Oper.numProviders === 1);
    const { Config: config, Oper: oper } = await inspect("app-svc");
    assert.match(oper.serviceVip, /^100\.1\.1\.\d+$/);
    assert.equal(config.balance, "least-clients");
    const service = await client.get(serviceKind, { namespace: "default", name: "app-svc" });
    assert.equal(service.spec?.clusterIP, oper.serviceVip);
    assert.deepEqual(rows(await done("service ls")), [
      [
        "app-svc",
        "default",
        "contiv-srv-net",
        "[environment=prod release=stable tier=web]",
        oper.serviceVip,
        "8080:80:TCP",
        "1/2",
        "least-clients",
      ],
    ]);
    assert.equal(await done("service list -q"), "app-svc\n");
    const listed = JSON.parse(await done("service ls -j")) as ServiceConfig[];
    assert.deepEqual(listed, [config]);

    const described = await done("service describe app-svc");
    assert.match(described, new RegExp(`Service IP: +${oper.serviceVip.replaceAll(".", "\\.")}\n`));
    assert.match(described, /Providers: +1 of 2\n/);
    assert.match(described, /\na .* yes +is a provider\n/);
    assert.match(described, /\nb .* no +\S/);
    assert.match(described, /\nc .* no +.*tier/);

    assert.equal(
      await done(
        "service update app-svc --selector=tier=web --port=9090:90:tcp -p 53:5353:UDP --balance random",
      ),
      "Updating ServiceLB default:app-svc\n",
    );
    const updated = await inspect("app-svc");
    assert.deepEqual(updated.Config.selectors, ["tier=web"]);
    assert.deepEqual(updated.Config.ports, ["9090:90:TCP", "53:5353:UDP"]);
    assert.equal(updated.Config.balance, "random");
    assert.equal(updated.Config.networkName, "contiv-srv-net");
    assert.equal(updated.Oper.serviceVip, oper.serviceVip, "the address stays");

    await refused("net rm contiv-srv-net", 3, /cannot delete contiv-srv-net has 1 services /);
    assert.equal(await done("service rm app-svc"), "Deleting Service  app-svc,default\n");
    assert.equal(await done("service ls -q"), "");
    await refused("service inspect app-svc", 3, /app-svc/);
    await refused("service rm app-svc", 3, /app-svc/);
    await refused("service update app-svc -l a=b", 3, /app-svc/);
    await refused("service describe app-svc", 3, /app-svc/);
  });

  test("a preferred IP is honoured, and refused when it is taken or outside; -ip is as good as --preferred-ip", async () => {
    await done("service create one -s contiv-srv-net -l a=b -p 80:80:TCP -ip 100.1.1.77");
    assert.equal((await inspect("one")).Oper.serviceVip, "100.1.1.77");
    await refused(
      "service create two -s contiv-srv-net -l a=b -p 80:80:TCP --ip=100.1.1.77",
      3,
      /100\.1\.1\.77/,
    );
    await refused(
      "service create two -s contiv-srv-net -l a=b -p 80:80:TCP --preferred-ip 10.200.0.1",
      3,
      /10\.200\.0\.1/,
    );
    assert.equal(await done("service ls -q"), "one\n");
    await done("service delete one");
  });

  test("everything that is wrong with a service is said at once, a line each, and nothing is made", async () => {
    await refused(
      "service create web -s contiv-srv-net -l tier -p 80:80:TCP -p 80 -p 99999:1:TCP",
      3,
      /^(?=[^]*Invalid selector tier\.)(?=[^]*\(ports\[1\]\))(?=[^]*\(ports\[2\]\))(?:netctl: .*\n){3,}$/,
    );
    await refused("service create web -s contiv-srv-net -p 80:80:TCP", 3, /Invalid selector options/);
    await refused("service create web -s nowhere -l a=b -p 80:80:TCP", 3, /Network .*nowhere not found/);
    await refused("service create web -t nobody -l a=b -p 80:80:TCP", 3, /nobody/);
    await refused("service create web -s contiv-srv-net -l a=b -p 80:80:TCP -b nonsense", 3, /nonsense/);
    await refused(`service create ${"s".repeat(257)} -l a=b -p 80:80:TCP`, 3, /serviceName string too long/);
    await refused("service create", 1, /^netctl: Service name required\n$/);
    assert.equal(await done("service ls -q"), "");
  });

  test("version, global, help, endpoint and what fairlead has not", async () => {
    assert.match(await done("version"), /^Client Version:\nVersion: \d[^]*Server Version:\nVersion: \S/);
    assert.match(
      await done("global set --fwd-mode bridge --vlan-range 1-4094"),
      /^fairlead has no global settings/,
    );
    assert.match(await done("help service create"), /--preferred-ip, -ip ADDRESS/);
    await refused("endpoint inspect nothing", 3, /^netctl: .*nothing/);
    await refused("policy create p", 1, /^netctl: fairlead does not have /);
    await refused("service frob", 1, /^netctl: there is no command "frob" of service/);
  });

  /** bin/netctl then looks for the node that npm installed, which runs the command in a process of its own. */
  const OLDER =
    'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.0.0"}})';
  for (const [name, options] of [
    ["a", []],
    ["an older", ["--import", OLDER]],
  ] as const)
    test(`--watch, started by ${name} node, prints what there is, each change as it comes, and ends by SIGINT with 0`, async () => {
      // What the run before has left is none of this one's.
      const live = `x${name.length}`;
      const pod = `${name.length}-live`;
      const child = spawn(process.execPath, [...options, NETCTL, "service", "ls", "-w"], {
        env: { ...process.env, ...env },
        stdio: ["ignore", "pipe", "inherit"],
        // In no terminal's foreground: what comes to it was sent to it.
        detached: true,
      });
      let text = "";
      child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      const seen = async (what: RegExp): Promise<void> => {
        const signal = AbortSignal.timeout(DEADLINE);
        while (!what.test(text)) await once(child.stdout, "data", { signal });
      };
      try {
        await done(`service create live -s contiv-srv-net -l live=${live} -p 80:80:TCP`);
        await seen(/^ServiceName .* Change\n-{9} .*\nlive .* 0\/0 .* ADDED\n/);
        await runPod(pod, { live });
        await seen(/\nlive .* 1\/1 .* MODIFIED\n/);
        await done("service rm live");
        await seen(/\nlive .* DELETED\n/);
        child.kill("SIGINT");
        const closed = await once(child, "close", { signal: AbortSignal.timeout(DEADLINE) });
        assert.deepEqual(closed, [0, null]);
      } finally {
        // All of its group; where it has ended, there is nobody.
        if (child.exitCode === null) process.kill(-child.pid!, "SIGKILL");
      }
    });

  test("login keeps a token of a ServiceAccount, and who has it may do what it may", async () => {
    const account = { namespace: "default", name: "robot" };
    await client.create(serviceAccountKind, { metadata: account });
    const created = execFileSync("kubectl", ["create", "token", account.name], {
      env: { ...process.env, ...env },
      encoding: "utf8",
    });
    const config = await loadKubeconfig({ path: env["KUBECONFIG"]! });
    const ca = join(directory, "data/pki/ca.crt");
    const more = { KUBECONFIG: "", XDG_DATA_HOME: directory };
    const child = spawn(
      process.execPath,
      [NETCTL, "--netmaster", config.server, "--certificate-authority", ca, "login"],
      { env: { ...process.env, ...env, ...more }, stdio: ["pipe", "pipe", "inherit"] },
    );
    child.stdin.end(created);
    const [code] = (await once(child, "close")) as [number];
    assert.equal(code, 0);
    const file = join(directory, ".netctl/config.json");
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal((JSON.parse(readFileSync(file, "utf8")) as { token: string }).token, created.trim());
    const asked = await netctl("net ls", { ...more, NETMASTER: config.server });
    assert.equal(asked.code, 3);
    assert.match(asked.stderr, /^netctl: .*system:serviceaccount:default:robot/);
    rmSync(file);
  });

  test("names as Contiv allows them, with capitals and dots, are what netctl shows", async () => {
    assert.equal(
      await done("service create App-Svc.V1 -s contiv-srv-net -l a=b -p 80:80:TCP"),
      "Creating ServiceLB default:App-Svc.V1\n",
    );
    assert.equal(await done("service ls -q"), "App-Svc.V1\n");
    assert.equal((await inspect("App-Svc.V1")).Config.serviceName, "App-Svc.V1");
    assert.equal(
      await done("service update App-Svc.V1 -p 81:80:TCP"),
      "Updating ServiceLB default:App-Svc.V1\n",
    );
    const services = await client.list(serviceKind, { namespace: "default" });
    const made = services.items.find(({ metadata }) => metadata.name !== "kubernetes");
    assert.match(made!.metadata.name!, /^app-svc-v1-[0-9a-f]{8}$/);
    await done("service rm App-Svc.V1");
  });

  test("who may look into one tenant alone sees that one, and is told what else it may not", async () => {
    await done("tenant create green");
    await done("net create g -t green -s 10.5.0.0/24 -n infra");
    const kubectl = (...args: string[]): string =>
      execFileSync("kubectl", args, { env: { ...process.env, ...env }, encoding: "utf8" });
    kubectl("create", "serviceaccount", "looker", "-n", "green");
    kubectl(
      "create",
      "rolebinding",
      "looker",
      "-n",
      "green",
      "--clusterrole=view",
      "--serviceaccount=green:looker",
    );
    const config = await loadKubeconfig({ path: env["KUBECONFIG"]! });
    const file = join(directory, "looker.kubeconfig");
    const cluster = { server: config.server, "certificate-authority": join(directory, "data/pki/ca.crt") };
    const user = { token: kubectl("create", "token", "looker", "-n", "green").trim() };
    writeFileSync(
      file,
      JSON.stringify({
        clusters: [{ name: "c", cluster }],
        users: [{ name: "u", user }],
        contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
        "current-context": "x",
      }),
    );
    const asLooker = async (line: string): Promise<Finished> => netctl(`--kubeconfig ${file} ${line}`);
    assert.deepEqual(await asLooker("net ls -t green -q"), { code: 0, stdout: "g\n", stderr: "" });
    assert.deepEqual(await asLooker("service ls -t green -q"), { code: 0, stdout: "", stderr: "" });
    for (const line of ["net ls", "net ls -a", "net rm -t green g", "tenant create mine"]) {
      const { code, stderr } = await asLooker(line);
      assert.equal(code, 3, line);
      assert.match(
        stderr,
        /^netctl: .*forbidden: User "system:serviceaccount:green:looker" cannot .*\n$/,
        line,
      );
    }
    await done("net rm -t green g");
    await done("tenant rm green");
  });

  test("$NETMASTER is Contiv's own plain listener, where nobody is asked who they are", async () => {
    const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(up.stdout())!;
    const plain = { NETMASTER: url, KUBECONFIG: "/nowhere" };
    assert.deepEqual(await netctl("net ls -q", plain), { code: 0, stdout: "contiv-srv-net\n", stderr: "" });
    const version = await netctl("version", plain);
    assert.match(version.stdout, /Server Version:\nVersion: \d/);
    const login = await netctl("login", plain);
    assert.equal(login.code, 3);
    assert.match(login.stderr, /^netctl: login requires a https URL/);
  });

  test("a server that is away is exit code 2", async () => {
    const { code, stderr } = await netctl("net ls", { NETMASTER: "http://127.0.0.1:1" });
    assert.equal(code, 2);
    assert.match(stderr, /cannot be reached: .*is `fairlead up` running there\?/);
  });
});

describe("netctl completion", () => {
  const run = promisify(execFile);
  /** A directory for PATH in which netctl is started by this node. */
  const shellEnv = (): NodeJS.ProcessEnv => ({
    ...process.env,
    ...env,
    PATH: `${join(NETCTL, "..")}:${join(process.execPath, "..")}:${process.env["PATH"] ?? ""}`,
  });
  /** What is typed; what the shell offers. Flags' values are words of the server, or netctl's own. */
  const CASES: readonly (readonly [string, string])[] = [
    ["net cr", "create"],
    ["net rm ", "contiv-srv-net"],
    ["service create x --network con", "contiv-srv-net"],
    ["net ls --tenant def", "default"],
    ["net create --nw-type i", "infra"],
    ["service create --preferred", "--preferred-ip"],
  ];

  test("bash offers commands, flags, and names that the server has", async () => {
    const script = `source <(netctl completion bash)
      complete -p netctl >&2
      COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _netctl; printf '%s\\n' "\${COMPREPLY[@]}"`;
    for (const [line, offered] of [...CASES, ["net create --nw-type = d", "data"] as const]) {
      const words = ["netctl", ...line.split(" ")];
      const { stdout } = await run("bash", ["--norc", "-c", script, "bash", ...words], { env: shellEnv() });
      assert.equal(stdout, `${offered}\n`, line);
    }
  });

  test("fish does so too", { skip: needsPrograms("fish") }, async () => {
    for (const [line, offered] of CASES) {
      const script = `netctl completion fish | source; complete -C ${JSON.stringify(`netctl ${line}`)}`;
      const { stdout } = await run("fish", ["--no-config", "-c", script], { env: shellEnv() });
      assert.equal(stdout.trim(), offered, line);
    }
  });

  test("and zsh", { skip: needsPrograms("zsh") }, async () => {
    // What zsh's own completion would do with the words is not asked for: compadd says which they are.
    const script = `compdef() { :; }; compset() { :; }
      compadd() { print -rl -- \${(PM)argv[-1]:#\${words[CURRENT]}*}; }
      source <(netctl completion zsh)
      words=("$@"); CURRENT=$#; _netctl`;
    for (const [line, offered] of CASES) {
      const words = ["netctl", ...line.split(" ")];
      const { stdout } = await run("zsh", ["-f", "-c", script, "zsh", ...words], { env: shellEnv() });
      assert.equal(stdout, `${offered}\n`, line);
    }
  });
});

test("npm's link to netctl, in whatever folder, starts it", () => {
  const folder = mkdtempSync(join(tmpdir(), "netctl-bin-"));
  try {
    execFileSync("ln", ["-s", NETCTL, join(folder, "netctl")]);
    const path = `${join(process.execPath, "..")}:${process.env["PATH"] ?? ""}`;
    const printed = execFileSync(join(folder, "netctl"), ["--version"], {
      env: { ...process.env, PATH: path },
      encoding: "utf8",
    });
    assert.match(printed, /^netctl version \d+\.\d+\.\d+\n$/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
