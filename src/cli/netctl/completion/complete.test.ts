import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { netctl, scriptedNetmaster } from "../netmaster-script.ts";
import { netctlProgram } from "../program.ts";
import { complete } from "./complete.ts";

const stdio = { env: {}, stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
const PROGRAM = netctlProgram(stdio);

const networks = { names: "networks", tenant: "default" };
const services = { names: "serviceLBs", tenant: "default" };
const tenants = { names: "tenants" };
const words = (...all: string[]): { words: string[] } => ({ words: all });

/** The line, the last word as far as it is typed; what may stand there. */
const CASES: readonly (readonly [string, unknown])[] = [
  ["net ", words("ls", "inspect", "rm", "create", "help")],
  ["service ", words("ls", "inspect", "describe", "rm", "create", "update", "help")],
  ["net create --nw-type ", words("infra", "data")],
  ["net create -n ", words("infra", "data")],
  ["net create -e=", words("vlan", "vxlan")],
  ["net create --encap v", words("vlan", "vxlan")],
  ["net create -s ", words()],
  ["net rm ", networks],
  ["network delete ", networks],
  ["network inspect ", networks],
  ["network inspect --tenant blue ", { ...networks, tenant: "blue" }],
  ["network inspect -t=blue ", { ...networks, tenant: "blue" }],
  // bash's words: "--tenant", "=", "blue".
  ["network inspect --tenant = blue ", { ...networks, tenant: "blue" }],
  ["net ls --tenant = ", tenants],
  ["net ls -t ", tenants],
  ["net ls --tenant=d", tenants],
  ["tenant rm ", tenants],
  ["tenant inspect ", tenants],
  ["service create web --network ", networks],
  ["service create web -s ", networks],
  ["service create web -l ", words()],
  ["service rm ", services],
  ["service describe -t x ", { ...services, tenant: "x" }],
  ["--netmaster http://x service update ", services],
  ["global set -b ", words("bridge", "routing")],
  // A second name is one too many: flags.
  ["tenant rm blue ", words("--help", "-h")],
  ["net rm -", words("--tenant", "-t", "--help", "-h")],
  [
    "net ls ",
    words("--tenant", "-t", "--all", "-a", "--json", "-j", "--quiet", "-q", "--watch", "-w", "--help", "-h"),
  ],
];

for (const [line, expected] of CASES)
  test(`netctl ${line}<TAB>`, () => {
    assert.deepEqual(complete(line.split(" "), PROGRAM), expected);
  });

test("commands are completed first, without those that are not for people", () => {
  const found = complete([""], PROGRAM);
  assert.ok("words" in found);
  for (const name of ["network", "tenant", "service", "endpoint", "version", "login", "global", "help"])
    assert.ok(found.words.includes(name), name);
  for (const name of ["__complete", "policy"]) assert.ok(!found.words.includes(name), name);
});

test("names come from the server, those of the tenant; a server that is away offers none and says nothing", async () => {
  await using netmaster = await scriptedNetmaster({
    "GET /api/v1/tenants/": [{ tenantName: "default" }, { tenantName: "blue" }],
    "GET /api/v1/networks/?tenant=default": [
      { tenantName: "default", networkName: "a" },
      { tenantName: "blue", networkName: "b" },
    ],
    "GET /api/v1/networks/?tenant=blue": [{ tenantName: "blue", networkName: "b" }],
    "GET /api/v1/serviceLBs/?tenant=default": [{ tenantName: "default", serviceName: "web" }],
  });
  const candidates = async (line: string, env: Record<string, string>): Promise<string> => {
    const { code, stdout, stderr } = await netctl(["__complete", "--", ...line.split(" ")], env);
    assert.deepEqual([code, stderr], [0, ""]);
    return stdout;
  };
  const here = { NETMASTER: netmaster.url };
  assert.equal(await candidates("net rm ", here), "a\n");
  assert.equal(await candidates("net rm -t blue ", here), "b\n");
  assert.equal(await candidates("service inspect w", here), "web\n");
  assert.equal(await candidates("net ls -t ", here), "default\nblue\n");
  assert.equal(await candidates(`--netmaster ${netmaster.url} net rm `, {}), "a\n");
  assert.equal(await candidates("net rm ", { NETMASTER: "http://127.0.0.1:1" }), "");
});
