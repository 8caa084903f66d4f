/** The candidates for the last word, as the shells' scripts read them: one a line. */
import type { Command } from "commander";
import { NAME } from "../../../contiv/fields.ts";
import type { NetworkConfig, ServiceConfig, TenantConfig } from "../../../contiv/wire.ts";
import { flagSetOf } from "../flag.ts";
import { fromGoFlags } from "../go-flags.ts";
import { createNetmaster, type Netmaster } from "../netmaster.ts";
import { findServer, type ServerFlags } from "../server.ts";
import type { Stdio } from "../stdio.ts";
import { complete, type Completion } from "./complete.ts";

/** Milliseconds that somebody who pressed TAB waits for names. */
const PATIENCE = 2_000;

export async function printCandidates(
  words: readonly string[],
  program: Command,
  stdio: Stdio,
): Promise<void> {
  const completion = complete(words, program);
  const candidates =
    "words" in completion ? completion.words : await names(completion, words, program, stdio);
  // bash alone has the part before "=" as a word of its own; the script puts it back for the others.
  stdio.stdout.write(candidates.map((each) => `${each}\n`).join(""));
}

async function names(
  completion: Exclude<Completion, { words: unknown }>,
  words: readonly string[],
  program: Command,
  stdio: Stdio,
): Promise<readonly string[]> {
  try {
    const server = await findServer(programFlags(words, program), stdio.env);
    using netmaster = createNetmaster({ ...server, requestTimeout: PATIENCE });
    // bash takes a candidate into the line as it stands, where what is no name might be run.
    return (await namesOf(netmaster, completion)).filter((name) => NAME.test(name));
  } catch {
    // In the middle of a line there is nowhere to say it; the command itself will, when it is run.
    return [];
  }
}

async function namesOf(
  netmaster: Netmaster,
  completion: Exclude<Completion, { words: unknown }>,
): Promise<readonly string[]> {
  if (completion.names === "tenants")
    return (await netmaster.list<TenantConfig>("tenants")).map(({ tenantName }) => tenantName);
  const ofTenant = ({ tenantName }: TenantConfig): boolean => tenantName === completion.tenant;
  if (completion.names === "networks")
    return (await netmaster.list<NetworkConfig>("networks", completion.tenant))
      .filter(ofTenant)
      .map((each) => each.networkName);
  return (await netmaster.list<ServiceConfig>("serviceLBs", completion.tenant))
    .filter(ofTenant)
    .map((each) => each.serviceName);
}

/** --netmaster and its like, as far as the line has them. */
function programFlags(words: readonly string[], program: Command): ServerFlags {
  const own = new Set(program.options.map(({ long }) => long));
  const given = fromGoFlags(words.slice(0, -1), flagSetOf(program)).filter((word) =>
    own.has(word.replace(/=.*$/s, "")),
  );
  return program.parseOptions(given) && program.opts<ServerFlags>();
}
