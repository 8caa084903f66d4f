/**
 * What the parts of fairlead need of a log. pino's loggers satisfy it; fields first, then a sentence for people.
 * An error goes under the key `err`.
 */
type Write = (fields: object, message: string) => void;

export interface Log {
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
}

/** For tests and library use: says nothing. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
