/** `netctl login`: takes a bearer token, asks the server whether it knows it, and keeps it for later commands. */
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import type { Command } from "commander";
import { EXIT, NetctlError, UsageError } from "./failure.ts";
import { noArguments } from "./flag.ts";
import { createNetmaster } from "./netmaster.ts";
import { writeLogin } from "./saved-login.ts";
import { findServer, type ServerFlags } from "./server.ts";
import type { Stdio } from "./stdio.ts";

export async function login(command: Command, stdio: Stdio): Promise<void> {
  noArguments(command);
  const flags = command.optsWithGlobals<ServerFlags>();
  // Of what is known of the server already only how to trust it: the token alone says who asks.
  const { server, ca, tlsServerName, insecureSkipTlsVerify } = await findServer(flags, stdio.env);
  if (!server.startsWith("https:"))
    throw new NetctlError(
      EXIT.invalid,
      `login requires a https URL, and the netmaster is ${server}: a token in the clear is anybody's`,
      { helpOf: command },
    );
  const token =
    stdio.stdin.isTTY === true ? await askHidden("Token: ", stdio) : (await text(stdio.stdin)).trim();
  if (token === "") throw new UsageError("you must specify a token", command);
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new UsageError("the token has blanks or control characters in it: give one word", command);
  using netmaster = createNetmaster({
    server,
    token,
    ...(ca !== undefined && { ca }),
    ...(tlsServerName !== undefined && { tlsServerName }),
    ...(insecureSkipTlsVerify !== undefined && { insecureSkipTlsVerify }),
  });
  try {
    await netmaster.list("tenants");
  } catch (error) {
    // Forbidden: it knows whose the token is, and who may not list tenants may do other things.
    if (!(error instanceof NetctlError && error.status === 403)) throw loginFailure(error);
  }
  const authority =
    flags.certificateAuthority === undefined ? ca : await readFile(flags.certificateAuthority, "utf8");
  const file = await writeLogin(
    {
      token,
      netmaster: server,
      ...(authority !== undefined && { ca: authority }),
    },
    stdio.env,
  );
  stdio.stdout.write(
    `Login succeeded.\nThe token is kept in ${file} (readable by this user alone), for ${server}.\n`,
  );
}

function loginFailure(error: unknown): unknown {
  if (!(error instanceof NetctlError && error.exitCode === EXIT.invalid)) return error;
  const [first = "", ...rest] = error.lines;
  return new NetctlError(EXIT.invalid, [`Login failed: ${first}`, ...rest], { cause: error });
}

/** A line of the terminal that is not shown while it is typed. Throws NetctlError if Ctrl-C ends it. */
async function askHidden(prompt: string, { stdin, stderr }: Stdio): Promise<string> {
  stderr.write(prompt);
  stdin.setRawMode?.(true);
  stdin.setEncoding("utf8");
  try {
    let typed = "";
    for await (const chunk of stdin as AsyncIterable<string>)
      for (const key of chunk) {
        if (key === "\r" || key === "\n" || key === "\u0004") return typed.trim();
        if (key === "\u0003") throw new NetctlError(EXIT.io, "nothing was logged in");
        typed = key === "\u007f" || key === "\b" ? typed.slice(0, -1) : typed + key;
      }
    return typed.trim();
  } finally {
    stdin.setRawMode?.(false);
    stdin.pause();
    stderr.write("\n");
  }
}
