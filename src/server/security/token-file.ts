/**
 * Users with fixed tokens, from a file in kube-apiserver's form (--token-auth-file): a line a user,
 * `token,user,uid,"group1,group2"`, the groups optional.
 */
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import type { Log } from "../../base/log.ts";
import type { TokenAuthenticator, User } from "./authenticate.ts";

/** The file cannot be used; the message says which line and why, and holds no token. */
export class TokenFileError extends Error {
  override readonly name = "TokenFileError";
}

/** Read once: a change of the file counts from the next start. Throws TokenFileError. */
export async function openTokenFile(
  path: string,
  audiences: readonly string[],
  log: Log,
): Promise<TokenAuthenticator> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0)
      log.warn({ path }, "others on this machine may read the file of tokens: chmod 600 it");
  } catch (error) {
    throw new TokenFileError(`cannot read the file of tokens ${path}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  return tokenAuthenticator(parseTokenFile(path, text), audiences);
}

/** `audiences` are this server's: what such tokens are for. */
function tokenAuthenticator(
  users: ReadonlyMap<string, User>,
  audiences: readonly string[],
): TokenAuthenticator {
  return {
    async authenticateToken(token, asked) {
      const user = users.get(digest(token));
      const meant = audiences.filter((one) => asked.includes(one));
      return user === undefined || meant.length === 0 ? undefined : { user, audiences: meant };
    },
  };
}

/** The users by their tokens' digests: how long it takes to find one says nothing about any token. */
export function parseTokenFile(path: string, text: string): Map<string, User> {
  const users = new Map<string, User>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const where = `line ${index + 1} of the token file ${path}`;
    const [token = "", name = "", uid = "", groups = ""] = fieldsOf(line, where);
    if (token === "" || name === "")
      throw new TokenFileError(
        `${where} must have at least a token, a user name and a user uid, separated by commas`,
      );
    const key = digest(token);
    if (users.has(key)) throw new TokenFileError(`${where} has a token that an earlier line has too`);
    const memberOf = groups.split(",").map((group) => group.trim());
    users.set(key, {
      name,
      groups: memberOf.filter((group) => group !== ""),
      ...(uid !== "" && { uid }),
    });
  }
  return users;
}

/** The fields of a line of CSV (RFC 4180); a field in quotes may hold commas, and quotes doubled. */
function fieldsOf(line: string, where: string): string[] {
  const fields: string[] = [];
  let rest = line;
  for (;;) {
    const match = /^\s*(?:"((?:[^"]|"")*)"\s*|([^",]*))(,|$)/.exec(rest);
    if (match === null) throw new TokenFileError(`${where} has a quote in the wrong place`);
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2]!.trim());
    rest = rest.slice(match[0].length);
    if (match[3] === "") break;
  }
  if (fields.length < 3)
    throw new TokenFileError(
      `${where} must have at least 3 columns (token, user name, user uid), found ${fields.length}`,
    );
  return fields;
}

function digest(token: string): string {
  return createHash("sha256").update(token).digest("base64");
}
