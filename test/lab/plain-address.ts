/** An IPv4 address that a socket of both families shows as "::ffff:10.0.0.1", as people write it. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, "");
}
