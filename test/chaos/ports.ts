/** What the pods of the chaos tests serve, and their Service's ports before it. */
export const HTTP_PORT = 8080;
export const STREAM_PORT = 8081;
export const DGRAM_PORT = 8082;

export const VIP = "10.96.0.80";
export const NODE_PORT = 30082;

export interface Target {
  readonly host: string;
  readonly port: number;
}

export const VIP_HTTP: Target = { host: VIP, port: 80 };
export const VIP_STREAM: Target = { host: VIP, port: 81 };
export const VIP_DGRAM: Target = { host: VIP, port: 82 };
