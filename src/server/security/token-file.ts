/**
 * Users with fixed tokens, from a file in kube-apiserver's form (--token-auth-file): a line a user,
 * `token,user,uid,"group1,group2"`, the groups optional.
 */
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import type { Log } from "../../base/log.ts";
import type { TokenAuthenticator, User } from "./authenticate.ts";
import { followFile } from "./follow-file.ts";

/** The file cannot be used; the message says which line and why, and holds no token. */
export class TokenFileError extends Error {
  override readonly name = "TokenFileError";
}

/** Disposed, it follows the file no more. */
export interface TokenFile extends TokenAuthenticator, Disposable {}

/**
 * The file is read again when it changes: all of it counts from then on, or nothing of it if anything is wrong with it.
 * Then that is logged, and what was good before stays so. `audiences` are this server's: what such tokens are for. Throws
 * TokenFileError.
 */
export async function openTokenFile(
  path: string,
  audiences: readonly string[],
  log: Log,
): Promise<TokenFile> {
  // Followed before it is read, so that no change in between is missed.
  using stack = new DisposableStack();
  const read = { text: "", users: new Map<string, User>() };
  const again = async (): Promise<void> => {
    try {
      const text = await readTokenFile(path, log);
      if (text === read.text) return;
      const users = parseTokenFile(path, text);
      Object.assign(read, { text, users });
      log.info({ path, users: users.size }, "the file of tokens has changed and was read again");
    } catch (err) {
      if (!(err instanceof TokenFileError)) throw err;
      log.error(
        { reason: err.message, path },
        "the file of tokens has changed and cannot be used: the tokens of before stay good",
      );
    }
  };
  stack.use(followFile(path, { onChange: again, log }));
  read.text = await readTokenFile(path, log);
  read.users = parseTokenFile(path, read.text);
  const following = stack.move();
  return {
    async authenticateToken(token, asked) {
      const user = read.users.get(digest(token));
      const meant = audiences.filter((one) => asked.includes(one));
      return user === undefined || meant.length === 0 ? undefined : { user, audiences: meant };
    },
    [Symbol.dispose]: () => following.dispose(),
  };
}

/** Warns if others may read it. Throws TokenFileError. */
async function readTokenFile(path: string, log: Log): Promise<string> {
  try {
    const text = await readFile(path, "utf8");
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0)
      log.warn({ path }, "others on this machine may read the file of tokens: chmod 600 it");
    return text;
  } catch (error) {
    throw new TokenFileError(`cannot read the file of tokens ${path}: ${(error as Error).message}`, {
      cause: error,
    });
  }
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
