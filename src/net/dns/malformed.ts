/** Thrown when bytes are not a DNS message: truncated, a name that never ends, counts that lie. */
export class MalformedMessage extends Error {
  override readonly name = "MalformedMessage";
}
