/** What `netctl login` keeps: in ~/.netctl/config.json, as Contiv's netctl does, and which server it is for. */
import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { EXIT, NetctlError } from "./failure.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface Login {
  readonly token: string;
  /** The server that the token is for, as a URL. */
  readonly netmaster: string;
  /** PEM: whose signature the server's certificate has. Absent: the authorities that node trusts. */
  readonly ca?: string;
}

export function loginFile(env: Environment): string {
  return join(env["HOME"] || homedir(), ".netctl", "config.json");
}

/**
 * Undefined if nobody has logged in. A file of Contiv's own netctl has a token and does not say of which server: it is
 * nobody's here. Throws NetctlError if the file cannot be read.
 */
export async function readLogin(env: Environment): Promise<Login | undefined> {
  const file = loginFile(env);
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, "utf8"));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    const why = `${file} cannot be read: ${(cause as Error).message}: mend or remove it, then run netctl login`;
    throw new NetctlError(EXIT.io, why, { cause });
  }
  const { token, netmaster, ca } = (content ?? {}) as Partial<Record<string, unknown>>;
  if (typeof token !== "string" || typeof netmaster !== "string" || !URL.canParse(netmaster))
    return undefined;
  return { token, netmaster, ...(typeof ca === "string" && { ca }) };
}

/** Whole or not at all, and from the first byte on for this user's eyes only. Throws NetctlError. */
export async function writeLogin(login: Login, env: Environment): Promise<string> {
  const file = loginFile(env);
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    // A new file, and no link that somebody has laid there: "wx" follows none.
    const fresh = `${file}.${randomUUID()}`;
    try {
      await writeFile(fresh, `${JSON.stringify(login, null, 2)}\n`, { mode: 0o600, flag: "wx" });
      await rename(fresh, file);
    } finally {
      await rm(fresh, { force: true });
    }
  } catch (cause) {
    throw new NetctlError(EXIT.io, `${file} cannot be written: ${(cause as Error).message}`, { cause });
  }
  return file;
}
