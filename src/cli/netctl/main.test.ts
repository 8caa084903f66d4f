/** Command lines from end to end, against a netmaster that answers as it is told. */
import assert from "node:assert/strict";
import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { runNetctl } from "./main.ts";
import { netctl, type Script, scriptedNetmaster } from "./netmaster-script.ts";

const OK = { status: 200, body: {} };
const TENANT = { "GET /api/v1/tenants/default/": { key: "default", tenantName: "default" } };

test("`net create` sends Contiv's fields with its defaults, and says so when it is done", async () => {
  await using netmaster = await scriptedNetmaster({ "POST /api/v1/networks/default:contiv-srv-net/": OK });
  assert.deepEqual(await netmaster.netctl("net", "create", "contiv-srv-net", "-s", "100.1.1.0/24"), {
    code: 0,
    stdout: "Creating network default:contiv-srv-net\n",
    stderr: "",
  });
  assert.deepEqual(netmaster.asked[0]!.body, {
    tenantName: "default",
    networkName: "contiv-srv-net",
    nwType: "data",
    encap: "vxlan",
    pktTag: 0,
    subnet: "100.1.1.0/24",
    gateway: "",
    ipv6Subnet: "",
    ipv6Gateway: "",
    cfgdTag: "",
  });
});

test("`net create` sends every flag", async () => {
  await using netmaster = await scriptedNetmaster({ "POST /api/v1/networks/blue:n/": OK });
  const line =
    "network create -t blue -n infra -e vlan -p 42 -s 10.1.1.10-10.1.1.20/24 -g 10.1.1.254 -s6 2001:db8::/64 -g6 2001:db8::1 -tag x n";
  assert.equal((await netmaster.netctl(...line.split(" "))).stdout, "Creating network blue:n\n");
  assert.deepEqual(netmaster.asked[0]!.body, {
    tenantName: "blue",
    networkName: "n",
    nwType: "infra",
    encap: "vlan",
    pktTag: 42,
    subnet: "10.1.1.10-10.1.1.20/24",
    gateway: "10.1.1.254",
    ipv6Subnet: "2001:db8::/64",
    ipv6Gateway: "2001:db8::1",
    cfgdTag: "x",
  });
});

test("`service create` sends the document's service, and an empty tenant is the default one", async () => {
  await using netmaster = await scriptedNetmaster({ "POST /api/v1/serviceLBs/default:app-svc/": OK });
  const line =
    "service create app-svc --network contiv-srv-net --tenant= --selector=tier=web --selector=release=stable " +
    "--selector=environment=prod --port 8080:80:TCP -p 53:5353:udp -ip 100.1.1.3 --balance random";
  assert.deepEqual(await netmaster.netctl(...line.split(" ")), {
    code: 0,
    stdout: "Creating ServiceLB default:app-svc\n",
    stderr: "",
  });
  assert.deepEqual(netmaster.asked[0]!.body, {
    tenantName: "default",
    serviceName: "app-svc",
    networkName: "contiv-srv-net",
    ipAddress: "100.1.1.3",
    selectors: ["tier=web", "release=stable", "environment=prod"],
    ports: ["8080:80:TCP", "53:5353:udp"],
    balance: "random",
  });
});

test("`service update` sends what is given and nothing else", async () => {
  await using netmaster = await scriptedNetmaster({ "PATCH /api/v1/serviceLBs/blue:app/": OK });
  const done = await netmaster.netctl("service", "update", "app", "-t", "blue", "-l", "a=b", "--ip", "");
  assert.deepEqual(done, { code: 0, stdout: "Updating ServiceLB blue:app\n", stderr: "" });
  assert.deepEqual(netmaster.asked[0]!.body, { selectors: ["a=b"], ipAddress: "" });
  assert.equal(netmaster.asked[0]!.headers["content-type"], "application/merge-patch+json");
  const nothing = await netmaster.netctl("service", "update", "app");
  assert.equal(nothing.code, 1);
  assert.equal(nothing.stderr, "netctl: Nothing to update: give what is to change\n");
});

/** Command line; what is asked of the server; stdout. */
const WRITES: readonly (readonly [string, string, string])[] = [
  ["net rm n", "DELETE /api/v1/networks/default:n/", "Deleting network default:n\n"],
  ["net delete -t blue n", "DELETE /api/v1/networks/blue:n/", "Deleting network blue:n\n"],
  ["tenant create blue", "POST /api/v1/tenants/blue/", "Creating tenant: blue\n"],
  ["tenant rm blue", "DELETE /api/v1/tenants/blue/", "Deleting tenant blue\n"],
  ["service rm app", "DELETE /api/v1/serviceLBs/default:app/", "Deleting Service  app,default\n"],
  ["service delete app --tenant blue", "DELETE /api/v1/serviceLBs/blue:app/", "Deleting Service  app,blue\n"],
  // What is typed as a name stays a name, wherever it leads.
  ["net rm ../a?b", "DELETE /api/v1/networks/default:..%2Fa%3Fb/", "Deleting network default:../a?b\n"],
];

for (const [line, request, stdout] of WRITES)
  test(`netctl ${line}`, async () => {
    await using netmaster = await scriptedNetmaster({ [request]: '"key"' });
    assert.deepEqual(await netmaster.netctl(...line.split(" ")), { code: 0, stdout, stderr: "" });
    assert.deepEqual(
      netmaster.asked.map((each) => each.request),
      [request],
    );
  });

test("`rm` says what it is about to do before it is refused", async () => {
  const refusal = { error: "cannot delete n has 1 services ", errors: [], code: 409 };
  await using netmaster = await scriptedNetmaster({
    "DELETE /api/v1/networks/default:n/": { status: 409, body: refusal },
  });
  assert.deepEqual(await netmaster.netctl("net", "rm", "n"), {
    code: 3,
    stdout: "Deleting network default:n\n",
    stderr: "netctl: cannot delete n has 1 services \n",
  });
});

test("each thing that the server refuses is a line of stderr", async () => {
  const errors = [
    { field: "serviceName", message: "Invalid service name" },
    { field: "selectors", message: "Invalid selector options" },
  ];
  await using netmaster = await scriptedNetmaster({
    "POST /api/v1/serviceLBs/default:a/": {
      status: 400,
      body: { error: "Invalid service name", errors, code: 400 },
    },
  });
  assert.deepEqual(await netmaster.netctl("service", "create", "a"), {
    code: 3,
    stdout: "",
    stderr: "netctl: Invalid service name (serviceName)\nnetctl: Invalid selector options (selectors)\n",
  });
});

for (const [line, plural] of [
  ["net inspect n", "networks/default:n"],
  ["tenant inspect n", "tenants/n"],
  ["service inspect -t blue n", "serviceLBs/blue:n"],
  ["ep inspect 2c30b978c87b", "endpoints/2c30b978c87b"],
  ["endpoint inspect 2c30b978c87b", "endpoints/2c30b978c87b"],
] as const)
  test(`netctl ${line} prints what the server has, indented`, async () => {
    const object = { Config: { key: "k" }, Oper: { providers: [] } };
    await using netmaster = await scriptedNetmaster({ [`GET /api/v1/inspect/${plural}/`]: object });
    assert.deepEqual(await netmaster.netctl(...line.split(" ")), {
      code: 0,
      stdout: `${JSON.stringify(object, null, 2)}\n`,
      stderr: "",
    });
  });

const NETWORKS = [
  {
    key: "default:contiv-srv-net",
    tenantName: "default",
    networkName: "contiv-srv-net",
    nwType: "data",
    encap: "vxlan",
    pktTag: 1,
    subnet: "100.1.1.0/24",
  },
  { key: "blue:b", tenantName: "blue", networkName: "b", subnet: "10.0.0.0/8", gateway: "10.0.0.1" },
];
const CONFIG = {
  key: "default:app-svc",
  tenantName: "default",
  networkName: "contiv-srv-net",
  serviceName: "app-svc",
  selectors: ["tier=web", "release=stable"],
  ports: ["8080:80:TCP", "643:7070:UDP"],
  balance: "least-clients",
};
const SERVICE = {
  Config: CONFIG,
  Oper: { serviceVip: "100.1.1.3", numProviders: 3, numCandidates: 4, providers: [] },
};
const LISTS: Script = {
  ...TENANT,
  "GET /api/v1/tenants/": [{ tenantName: "default" }, { tenantName: "blue" }],
  "GET /api/v1/tenants/nobody/": {
    status: 404,
    body: { error: "Tenant nobody not found", errors: [], code: 404 },
  },
  "GET /api/v1/networks/": NETWORKS,
  // Contiv's netmaster knows no query, and lists all there are.
  "GET /api/v1/networks/?tenant=default": NETWORKS,
  "GET /api/v1/serviceLBs/?tenant=default": [CONFIG],
  "GET /api/v1/inspect/serviceLBs/?tenant=default": [SERVICE],
};

/** Command line, stdout. */
const TABLES: readonly (readonly [string, readonly string[]])[] = [
  [
    "net ls",
    [
      "Tenant   Network         Nw Type  Encap type  Packet tag  Subnet        Gateway  IPv6Subnet  IPv6Gateway  Cfgd Tag ",
      "------   -------         -------  ----------  ----------  -------       ------   ----------  -----------  ---------",
      "default  contiv-srv-net  data     vxlan       1           100.1.1.0/24                                    ",
    ],
  ],
  ["net ls -q --all", ["contiv-srv-net", "b"]],
  ["network list --quiet", ["contiv-srv-net"]],
  ["tenant ls", ["Name     ", "------   ", "default  ", "blue     "]],
  ["tenant list -q", ["default", "blue"]],
  [
    "service ls",
    [
      "ServiceName  Tenant    Network         Selectors                  Service IP  Ports                     Providers  Balance",
      "---------    --------  -------         -------                    ----------  -----                     ---------  -------",
      "app-svc      default   contiv-srv-net  [tier=web release=stable]  100.1.1.3   8080:80:TCP,643:7070:UDP  3/4        least-clients",
    ],
  ],
  ["service ls -q", ["app-svc"]],
];

for (const [line, stdout] of TABLES)
  test(`netctl ${line}`, async () => {
    await using netmaster = await scriptedNetmaster(LISTS);
    assert.deepEqual(await netmaster.netctl(...line.split(" ")), {
      code: 0,
      stdout: stdout.map((each) => `${each}\n`).join(""),
      stderr: "",
    });
  });

test("--json prints the objects as the server has them, those of the tenant or all", async () => {
  await using netmaster = await scriptedNetmaster(LISTS);
  const printed = async (...args: string[]): Promise<unknown> =>
    JSON.parse((await netmaster.netctl(...args)).stdout);
  assert.deepEqual(await printed("net", "ls", "-j"), [NETWORKS[0]]);
  assert.deepEqual(await printed("net", "ls", "-j", "-a"), NETWORKS);
  assert.deepEqual(await printed("service", "ls", "--json"), [CONFIG]);
  assert.equal((await netmaster.netctl("tenant", "ls", "-j")).stdout.split("\n")[0], "[");
});

test("a list of a tenant that is not there is refused, not empty", async () => {
  await using netmaster = await scriptedNetmaster({
    ...LISTS,
    "GET /api/v1/networks/?tenant=nobody": [],
    "GET /api/v1/inspect/serviceLBs/?tenant=nobody": [],
  });
  for (const what of ["net", "service"])
    assert.deepEqual(await netmaster.netctl(what, "ls", "-t", "nobody"), {
      code: 3,
      stdout: "",
      stderr: "netctl: Tenant nobody not found\n",
    });
});

test("who may not look at tenants may list what is in one", async () => {
  const forbidden = { status: 403, body: { error: "forbidden", errors: [], code: 403 } };
  await using netmaster = await scriptedNetmaster({
    "GET /api/v1/tenants/default/": forbidden,
    "GET /api/v1/networks/?tenant=default": [],
  });
  assert.deepEqual(await netmaster.netctl("net", "ls", "-q"), { code: 0, stdout: "", stderr: "" });
});

test("`service describe` says of each candidate why", async () => {
  const candidate = {
    containerName: "web1",
    containerID: "2c30b978c87bad64ced1",
    tenantName: "default",
    ipAddress: "10.1.1.129",
    isProvider: false,
    why: "has no label tier (the selector wants tier=web)",
  };
  await using netmaster = await scriptedNetmaster({
    "GET /api/v1/describe/serviceLBs/default:app-svc/": { ...SERVICE, candidates: [candidate] },
    "GET /api/v1/describe/serviceLBs/default:lone/": { ...SERVICE, candidates: [] },
    "GET /api/v1/describe/serviceLBs/blue:lone/": {
      ...SERVICE,
      Config: { ...CONFIG, tenantName: "blue" },
      candidates: [],
    },
  });
  assert.equal(
    (await netmaster.netctl("service", "describe", "app-svc")).stdout,
    `Service:     default:app-svc
Network:     contiv-srv-net
Service IP:  100.1.1.3
Selectors:   tier=web, release=stable
Ports:       8080:80:TCP, 643:7070:UDP
Balance:     least-clients
Providers:   3 of 4

Container  ID            Tenant   Address     Provider  Why
---------  --            ------   -------     --------  ---
web1       2c30b978c87b  default  10.1.1.129  no        has no label tier (the selector wants tier=web)
`,
  );
  assert.match(
    (await netmaster.netctl("service", "describe", "lone")).stdout,
    /\nThere is no container of this tenant: start one on its network \(docker run --net=NETWORK\), or .* --label=fairlead\.dev\/namespace=default\.\n$/,
  );
  assert.match(
    (await netmaster.netctl("service", "describe", "lone", "-t", "blue")).stdout,
    / --net=NETWORK\/blue\), or .*=blue\.\n$/,
  );
  const raw = await netmaster.netctl("service", "describe", "app-svc", "--json");
  assert.deepEqual(JSON.parse(raw.stdout), { ...SERVICE, candidates: [candidate] });
});

test("a watch prints what there is and what changes, and fails if the server ends it", async () => {
  const line = (type: string, tenantName: string): string =>
    `${JSON.stringify({ type, object: { Config: { ...CONFIG, tenantName }, Oper: SERVICE.Oper } })}\n`;
  const all = line("ADDED", "default") + line("ADDED", "blue") + line("DELETED", "default");
  await using netmaster = await scriptedNetmaster({
    ...TENANT,
    "GET /api/v1/serviceLBs/?watch=true&tenant=default": all,
    "GET /api/v1/serviceLBs/?watch=true": all,
  });
  const { code, stdout, stderr } = await netmaster.netctl("service", "ls", "--watch");
  assert.equal(code, 2);
  assert.match(stderr, /^netctl: http:.* ended the watch: run it again\n$/);
  assert.deepEqual(
    stdout.split("\n").map((each) => each.split(/ {2,}/).at(-1)),
    ["Change", "------", "ADDED", "DELETED", ""],
  );
  const quiet = await netmaster.netctl("service", "ls", "-a", "-w", "-q");
  assert.equal(quiet.stdout, "app-svc\n".repeat(3));
  const json = await netmaster.netctl("service", "ls", "-a", "-w", "-j");
  assert.equal(json.stdout, all);
});

/** Command line, stderr; all end with 1 and the help of the command on stdout. */
const MISTAKES: readonly (readonly [string, string])[] = [
  ["net create", "Network name required"],
  ["net create a b -s 10.1.1.0/24", "Network name required: one, not 2 (a b)"],
  ["net create a", "Subnet is required"],
  ["net create a -s 10.1.1.0/24 -g 10.1.1", "Invalid gateway - Enter in A.B.C.D format"],
  ["net create a -s 10.1.1.0/24 -g6 x", "Invalid IPv6 gateway "],
  ["net create a -s 10.1.1.0/24 -p one", 'Invalid packet tag "one" - Enter a number, 0 to 16777216'],
  ["net create a -s", "option '--subnet <CIDR>' argument missing"],
  ["net inspect", "Network name required"],
  ["net rm", "Network name required"],
  ["net ls x", "More arguments than required"],
  ["net ls --nope", "unknown option '--nope'"],
  ["net ls -aj", "unknown option '-aj'"],
  ["serviec ls", 'there is no command "serviec" of netctl: did you mean service?'],
  ["net create a --subnett 10.1.1.0/24", "unknown option '--subnett': did you mean --subnet?"],
  ["net creat a -s 10.1.1.0/24", 'there is no command "creat" of network: did you mean create?'],
  ["netwrok ls", 'there is no command "netwrok" of netctl: did you mean network?'],
  [
    "service remove web -t blue",
    'there is no command "remove" of service: there are ls, inspect, describe, rm, create, update, help',
  ],
  [
    "svc ls",
    'there is no command "svc" of netctl: there are version, login, endpoint, network, tenant, service, global, completion, help',
  ],
  ["net list-all", 'there is no command "list-all" of network: there are ls, inspect, rm, create, help'],
  ["tenant create", "Tenant name required"],
  ["tenant rm a b", "Tenant name required: one, not 2 (a b)"],
  ["tenant inspect", "Tenant name required"],
  ["tenant ls x", "More arguments than required"],
  ["service create", "Service name required"],
  ["service rm", "Service name required"],
  ["service describe", "Service name required"],
  ["service update", "Service name required"],
  ["service inspect", "Service group name required"],
  ["service ls x", "More arguments than required"],
  ["ep inspect", "Endpoint name required"],
  ["version x", "More arguments than required"],
  ["login x", "More arguments than required"],
  ["global info x", "More arguments than required"],
  ["completion", "Name a shell: bash, zsh or fish"],
  ["completion csh", "there is no completion for csh: bash, zsh or fish"],
  ["help servise", 'there is no command "servise" of netctl: did you mean service?'],
];

for (const [line, complaint] of MISTAKES)
  test(`netctl ${line}: ${complaint}`, async () => {
    // Nobody listens there: nothing of these may be asked.
    const { code, stdout, stderr } = await netctl(["--netmaster", "http://127.0.0.1:1", ...line.split(" ")]);
    assert.equal(code, 1);
    assert.equal(stderr, `netctl: ${complaint}\n`);
    assert.match(stdout, /^Usage: netctl /);
  });

test("the help of a command that is wrong stands before what is wrong, which a terminal then still shows", async () => {
  const terminal = new PassThrough();
  const all = text(terminal);
  const env = { NETMASTER: "http://127.0.0.1:1" };
  await runNetctl(["serviec", "ls"], { env, stdin: Readable.from([]), stdout: terminal, stderr: terminal });
  terminal.end();
  const lines = (await all).split("\n");
  assert.match(lines[0]!, /^Usage: netctl /);
  assert.deepEqual(lines.slice(-3, -2), [""]);
  assert.match(lines.at(-2)!, /^netctl: there is no command "serviec"/);
});

test("commands of Contiv that fairlead has not say so, whatever is asked of them", async () => {
  for (const line of [
    "group create contiv-net web -p policy",
    "policy rule-add p 1 -d in --protocol tcp -j deny",
    "netprofile ls",
    "app-profile create --group a,b x",
    "external-contracts ls -a",
    "bgp create host --router-ip 1.2.3.4/24 --as 65000",
    "aci-gw info",
  ]) {
    const { code, stdout, stderr } = await netctl(line.split(" "));
    assert.equal(code, 1, line);
    assert.equal(stdout, "");
    assert.match(stderr, new RegExp(`^netctl: fairlead does not have .*\\(netctl ${line.split(" ")[0]!}\\)`));
  }
});

test("global settings are taken and change nothing, so that Contiv's scripts go on", async () => {
  for (const line of [
    "global set --fwd-mode bridge --vlan-range 1-4094 -x 1-10000",
    "global set -f default -b routing -a proxy -s 172.19.0.0/16",
    "global info",
  ]) {
    const { code, stdout, stderr } = await netctl(line.split(" "));
    assert.deepEqual([code, stderr], [0, ""], line);
    assert.match(stdout, /^fairlead has no global settings: /);
  }
  assert.equal((await netctl(["global", "inspect"])).stdout, "{}\n");
  assert.equal((await netctl(["global", "info", "--json"])).stdout, "[]\n");
});

test("help is no failure: without a command, as a flag, as a command", async () => {
  for (const line of [
    "",
    "net",
    "net create --help",
    "-h",
    "help",
    "h",
    "help net create",
    "net help",
    "net h rm",
  ]) {
    const { code, stdout, stderr } = await netctl(line.split(" ").filter((word) => word !== ""));
    assert.deepEqual([code, stderr], [0, ""], line);
    assert.match(stdout, /^Usage: netctl /, line);
  }
  assert.match((await netctl(["help", "net", "create"])).stdout, /--subnetv6, -s6 CIDR/);
});

test("a server that is not there is exit code 2, with what to do", async () => {
  const { code, stdout, stderr } = await netctl(["net", "ls"], { NETMASTER: "http://127.0.0.1:1" });
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(
    stderr,
    /^netctl: http:\/\/127.0.0.1:1 cannot be reached: connect ECONNREFUSED .*: is `fairlead up` running there\? --netmaster, .*\n$/,
  );
  const version = await netctl(["version"], { NETMASTER: "http://127.0.0.1:1" });
  assert.deepEqual([version.code, version.stdout], [2, "Unable to fetch version information\n"]);
});

test("a netmaster that is no URL is exit code 1", async () => {
  const { code, stderr } = await netctl(["--netmaster", "netmaster:9999", "net", "ls"]);
  assert.equal(code, 1);
  assert.match(stderr, /^netctl: the netmaster "netmaster:9999" is no http or https URL: write it as /);
});

test("an answer that is no JSON is exit code 3", async () => {
  await using netmaster = await scriptedNetmaster({
    ...TENANT,
    "GET /api/v1/networks/?tenant=default": "<html>",
  });
  const { code, stderr } = await netmaster.netctl("net", "ls");
  assert.equal(code, 3);
  assert.match(stderr, /answered what is no JSON to GET \/api\/v1\/networks\/\?tenant=default: <html>/);
});

test("the server's version is netmaster's or Kubernetes'", async () => {
  for (const body of [
    { Version: "v1", GitCommit: "abc", BuildTime: "now" },
    { gitVersion: "v1", gitCommit: "abc", buildDate: "now", major: "1" },
  ]) {
    await using netmaster = await scriptedNetmaster({ "GET /version": body });
    const { code, stdout } = await netmaster.netctl("version");
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^Client Version:\nVersion: \d.*\nGitCommit: \nBuildTime: \n\nServer Version:\nVersion: v1\nGitCommit: abc\nBuildTime: now\n$/,
    );
  }
});
