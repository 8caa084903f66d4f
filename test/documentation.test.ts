/**
 * What the documentation says of a running server is what a running server says: its table of kinds is discovery's, its
 * metrics are those of /metrics, and its links lead somewhere.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import type { Command } from "commander";
import { agentCommand } from "../src/cli/agent/command.ts";
import { Flag } from "../src/cli/netctl/flag.ts";
import { netctlProgram } from "../src/cli/netctl/program.ts";
import { upCommand } from "../src/cli/up/command.ts";
import { createAgentMetrics } from "../src/agent/metrics.ts";
import { registerConnectionMetrics } from "../src/dataplane/connections/metrics.ts";
import { AnswerCache } from "../src/dns/answer-cache.ts";
import { DnsMetrics } from "../src/dns/metrics.ts";
import { type ApiFixture, startApi } from "./api-fixture.ts";

const ROOT = join(import.meta.dirname, "..");

/** An entry of an APIResourceList (meta.k8s.io/v1). */
interface Resource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
}

const EVERY_VERB = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

function verbsInWords(verbs: readonly string[]): string {
  const missing = EVERY_VERB.filter((verb) => !verbs.includes(verb));
  if (missing.length === 0) return "all";
  return missing.length === 1 ? `all but ${missing[0]}` : verbs.join(", ");
}

/** A row of docs/guides/kubernetes-api.md. */
function row(groupVersion: string, resource: Resource, subresources: readonly Resource[]): string {
  const { kind, shortNames = [], namespaced, verbs } = resource;
  const short = shortNames.length === 0 ? "" : ` (${shortNames.join(", ")})`;
  const parts = subresources.map(({ name, verbs: own }) => `${name.split("/")[1]!}: ${own.join(", ")}`);
  return `| ${groupVersion} | ${kind}${short} | ${namespaced ? "yes" : "no"} | ${verbsInWords(verbs)} | ${parts.join("; ") || "none"} |`;
}

/** In the order of discovery. */
async function servedRows({ call }: ApiFixture): Promise<string[]> {
  const { groups } = (await call("/apis")).json() as {
    groups: { versions: { groupVersion: string }[] }[];
  };
  const groupVersions = groups.flatMap(({ versions }) => versions.map(({ groupVersion }) => groupVersion));
  const rows: string[] = [];
  for (const groupVersion of ["v1", ...groupVersions]) {
    const path = groupVersion === "v1" ? "/api/v1" : `/apis/${groupVersion}`;
    const { resources } = (await call(path)).json() as { resources: Resource[] };
    for (const resource of resources.filter(({ name }) => !name.includes("/")))
      rows.push(
        row(
          groupVersion,
          resource,
          resources.filter(({ name }) => name.startsWith(`${resource.name}/`)),
        ),
      );
  }
  return rows;
}

test("the guide to the API lists the kinds that discovery lists", async (t) => {
  const rows = await servedRows(await startApi(t));
  const guide = readFileSync(join(ROOT, "docs/guides/kubernetes-api.md"), "utf8");
  const [head = "", ...written] = tableAfter(guide, "## What is served");
  assert.match(head, /^\| Group and version \| Kind/);
  assert.deepEqual(
    written.slice(1),
    rows,
    "if a kind has changed, copy its row from here into docs/guides/kubernetes-api.md",
  );
});

/** The lines of the first table after this heading. */
function tableAfter(text: string, heading: string): string[] {
  const lines = text.split("\n");
  const start = lines.findIndex((line, index) => index > lines.indexOf(heading) && line.startsWith("|"));
  assert.ok(lines.includes(heading) && start >= 0, `no table after ${heading}`);
  const length = lines.slice(start).findIndex((line) => !line.startsWith("|"));
  return lines.slice(start, length < 0 ? undefined : start + length);
}

test("the reference of metrics names those of /metrics, and no other", async (t) => {
  const { call } = await startApi(t);
  const namesIn = (text: string): string[] => [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name!);
  // What `fairlead up` and `fairlead agent` put in beside, where they program a kernel and serve DNS.
  const { registry } = createAgentMetrics();
  using _connections = registerConnectionMetrics(registry, {
    table: () => undefined,
    open: () => Promise.reject(new Error("there is no table to look for")),
  });
  new DnsMetrics().register(registry, { cache: new AnswerCache(), records: () => 0 });
  const served = [...namesIn((await call("/metrics")).text), ...namesIn(await registry.metrics())];
  const reference = readFileSync(join(ROOT, "docs/reference/metrics.md"), "utf8");
  const documented = [...reference.matchAll(/^\| `([a-z0-9_]+)`/gm)].map(([, name]) => name!);
  assert.ok(served.length > 20);
  assert.deepEqual(documented.toSorted(), served.toSorted());
});

/** Those who write Events. */
const EVENT_WRITERS = /\bevents\.record\(|\bEventReport\b|\bagent\?\.report\(|\bHintsNews\b|\bPortProblem\b/;
/** Reasons of Events are words like "PortNotServed"; these few literals look like them and are none. */
const NO_REASON = /Error$|Allocation$/;

test("the reference of errors has the reasons of all Events that are written, and no other", () => {
  const src = join(ROOT, "src");
  const written = readdirSync(src, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .map((name) => readFileSync(join(src, name), "utf8"))
    .filter((text) => EVENT_WRITERS.test(text))
    .flatMap((text) => Array.from(text.matchAll(/"((?:[A-Z]+[a-z]+){2,})"/g), ([, word]) => word!))
    .filter((word) => !NO_REASON.test(word));
  const reference = readFileSync(join(ROOT, "docs/reference/errors.md"), "utf8");
  const documented = tableAfter(reference, "## Events")
    .slice(2)
    .flatMap((line) => Array.from(line.split("|")[1]!.matchAll(/`(\w+)`/g), ([, reason]) => reason!));
  assert.ok(documented.length > 10);
  assert.deepEqual([...new Set(documented)].sort(), [...new Set(written)].sort());
});

test("the guides' tables of options name options that there are", () => {
  const has = (name: string): boolean =>
    [upCommand("0"), agentCommand("0")].some(({ options }) => options.some(({ long }) => long === name));
  let seen = 0;
  for (const guide of ["agent.md", "dns.md"])
    for (const [, first = ""] of readFileSync(join(ROOT, "docs/guides", guide), "utf8").matchAll(
      /^\| (`--.*?) \|/gm,
    ))
      for (const [name] of first.matchAll(/--[a-z-]+/g)) {
        seen++;
        assert.ok(has(name), `${guide} names ${name}, which neither up nor agent has`);
      }
  assert.ok(seen > 15, String(seen));
});

/** What a row of a table says in its first column, without bold and code. */
const firstColumn = (line: string): string => line.split("|")[1]!.replaceAll(/[*`]/g, "").trim();
const flagsIn = (text: string): string[] =>
  Array.from(text.matchAll(/`(--?[a-z0-9-]+)/g), ([, flag]) => flag!).sort();

test("the guide to Contiv's services has each command and flag of netctl, and no other", () => {
  const guide = readFileSync(join(ROOT, "docs/guides/contiv.md"), "utf8");
  const program = netctlProgram(process);
  const flagsOf = (command: Command): string[] =>
    command.options.flatMap((option) => (option instanceof Flag ? option.words() : [])).sort();
  const documented = tableAfter(guide, "### Which server").slice(2);
  assert.deepEqual(documented.flatMap((line) => flagsIn(line.split("|")[1]!)).sort(), flagsOf(program));

  const commands = new Map<string, string[]>();
  const visit = (command: Command, path: string): void => {
    const below = command.createHelp().visibleCommands(command);
    for (const each of below) if (each.name() !== "help") visit(each, `${path} ${each.name()}`);
    if (below.length === 0) commands.set(path, flagsOf(command));
  };
  visit(program, "netctl");
  const rows = tableAfter(guide, "### Commands").slice(2);
  const written = rows.map((line): [string, string[]] => [
    firstColumn(line).replace(/ (?:[A-Z]+|bash .*)$/, ""),
    flagsIn(line.split("|")[2]!),
  ]);
  assert.ok(written.length > 15);
  assert.deepEqual(new Map(written), commands);
});

test("links in the documentation lead to files that are there", () => {
  const pages = readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name));
  let links = 0;
  for (const page of ["README.md", ...pages])
    for (const [, target] of readFileSync(join(ROOT, page), "utf8").matchAll(
      /\]\(([^)#\s]+)(?:#[^)]*)?\)/g,
    )) {
      if (/^https?:/.test(target!)) continue;
      links++;
      assert.ok(
        existsSync(join(ROOT, dirname(page), target!)),
        `${page} links to ${target!}, which is not there`,
      );
    }
  assert.ok(links > 5);
});
