/**
 * node:http, for programs that should start fast. An import of it reads every export, among them WebSocket, for which
 * node then loads undici: 20 to 30 ms, half as much as node itself takes to start. This loads what is used (4 ms).
 */
import type * as http from "node:http";

const nodeHttp: typeof http = process.getBuiltinModule("node:http");

export const Agent: typeof http.Agent = nodeHttp.Agent;
export const request: typeof http.request = nodeHttp.request;
export const STATUS_CODES: typeof http.STATUS_CODES = nodeHttp.STATUS_CODES;
