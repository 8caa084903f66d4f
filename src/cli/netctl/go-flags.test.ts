import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import { Flag, flagSetOf, group, listFlag, netctlCommand } from "./flag.ts";
import { fromGoFlags, parseGoBool } from "./go-flags.ts";
import { netctlProgram } from "./program.ts";

const stdio = { env: {}, stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
const NETCTL = flagSetOf(netctlProgram(stdio));

/** Command line, and what Commander is given. */
const CASES: readonly (readonly [string, string])[] = [
  ["net create contiv-srv-net -s 100.1.1.0/24", "net create contiv-srv-net --subnet=100.1.1.0/24"],
  [
    "service create app-svc --network contiv-srv-net --tenant default --selector=tier=web --port 8080:80:TCP",
    "service create app-svc --network=contiv-srv-net --tenant=default --selector=tier=web --port=8080:80:TCP",
  ],
  ["service create a -selector=tier=web -l a=b", "service create a --selector=tier=web --selector=a=b"],
  // What a flag is called depends on the command: -s, -p.
  ["service create a -s net -p 1:2:TCP", "service create a --network=net --port=1:2:TCP"],
  ["net create n -s 10.1.1.0/24 -p 7", "net create n --subnet=10.1.1.0/24 --pkt-tag=7"],
  // "-ip" is as good as "--ip", "-s6" as "--s6".
  ["service create a -ip 1.2.3.4", "service create a --preferred-ip=1.2.3.4"],
  ["service create a --ip=1.2.3.4", "service create a --preferred-ip=1.2.3.4"],
  [
    "net create n -s6 2001:db8::/64 -g6 2001:db8::1",
    "net create n --subnetv6=2001:db8::/64 --gatewayv6=2001:db8::1",
  ],
  ["net create n -tag t --nw-tag=u", "net create n --nw-tag=t --nw-tag=u"],
  ["network ls -a -j", "network ls --all --json"],
  ["network ls --all=true -q=0", "network ls --all"],
  ["network ls -a --all=false --json", "network ls --json"],
  // The value is the next word, whatever it is.
  ["net rm -t --all", "net rm --tenant=--all"],
  ["net rm -t -- x", "net rm --tenant=-- x"],
  ["net rm --tenant= x", "net rm --tenant= x"],
  // Flags of the program, before the command and after it.
  ["--netmaster http://a net ls", "--netmaster=http://a net ls"],
  ["net ls -netmaster=http://a", "net ls --netmaster=http://a"],
  ["-v", "--version"],
  ["global set -v 1-10", "global set --vlan-range=1-10"],
  ["net -h", "net --help"],
  // Not ours to understand: Commander names them.
  ["net ls -aj", "net ls -aj"],
  ["net ls --nope=1 -x", "net ls --nope=1 -x"],
  ["net ls ---all", "net ls ---all"],
  ["net rm -t", "net rm --tenant"],
  ["net ls --all=maybe", "net ls --all=maybe"],
  // What follows "--" is no flag.
  ["net rm -t blue -- -s", "net rm --tenant=blue -- -s"],
  ["net rm -", "net rm -"],
];

for (const [line, expected] of CASES)
  test(`netctl ${line}`, () => {
    assert.deepEqual(fromGoFlags(line.split(" "), NETCTL), expected.split(" "));
  });

test("truth is spelled as in Go", () => {
  for (const word of ["1", "t", "T", "TRUE", "true", "True"]) assert.equal(parseGoBool(word), true);
  for (const word of ["0", "f", "F", "FALSE", "false", "False"]) assert.equal(parseGoBool(word), false);
  for (const word of ["", "yes", "tRUE", "10"]) assert.equal(parseGoBool(word), undefined);
});

test("whatever arguments and values are, the command gets them as they were typed, in any spelling and order", () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom("-", "--", "-x", "--all", "=", "a=b", "create", "help", "-ip=1", "two words", ""),
  );
  const argument = word.filter((text) => text === "-" || !text.startsWith("-"));
  const flag = fc.record({
    name: fc.constantFrom("tenant", "t", "selector", "l", "preferred-ip", "ip"),
    dashes: fc.constantFrom("-", "--"),
    value: word,
    joined: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(fc.oneof(argument, flag), { maxLength: 8 }),
      fc.array(word, { maxLength: 3 }),
      (parts, rest) => {
        const line = parts.flatMap((part) => {
          if (typeof part === "string") return [part];
          const name = `${part.dashes}${part.name}`;
          return part.joined ? [`${name}=${part.value}`] : [name, part.value];
        });
        const { args, flags } = parse([...line, "--", ...rest]);
        assert.deepEqual(args, [...parts.filter((part) => typeof part === "string"), ...rest]);
        const given = parts.filter((part) => typeof part !== "string");
        const values = (...names: string[]): string[] =>
          given.filter(({ name }) => names.includes(name)).map(({ value }) => value);
        assert.deepEqual(flags["selector"] ?? [], values("selector", "l"));
        assert.equal(flags["preferredIp"], values("preferred-ip", "ip").at(-1));
        assert.equal(flags["tenant"], values("tenant", "t").at(-1) ?? "default");
      },
    ),
  );
});

/** Through Commander, by a command with the flags of `service create`. */
function parse(line: readonly string[]): { args: readonly string[]; flags: Record<string, unknown> } {
  let seen: ReturnType<typeof parse> | undefined;
  const create = netctlCommand("create", "", [
    new Flag("tenant, t", "NAME", "").default("default"),
    listFlag("selector, l", "KEY=VALUE", ""),
    new Flag("preferred-ip, ip", "ADDRESS", ""),
  ]);
  create.argument("[name]").action(() => {
    seen = { args: create.args, flags: create.opts() };
  });
  const program = group("netctl", "", [group("service", "", [create])]);
  program.parse(fromGoFlags(["service", "create", ...line], flagSetOf(program)), { from: "user" });
  return seen!;
}
