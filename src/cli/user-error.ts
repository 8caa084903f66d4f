/** Thrown when the command cannot go on for a reason the user can mend: `message` says what, `remedy` what to do. */
export class UserError extends Error {
  override readonly name = "UserError";
  readonly remedy: string | undefined;

  constructor(message: string, remedy?: string, options?: ErrorOptions) {
    super(message, options);
    this.remedy = remedy;
  }
}
