/** Placeholder type until the schema mechanism lands. */
export interface ObjectSchema<T> {
  readonly example?: T;
}
