/** A report of connections as people read it: a table, the busiest first. */
import { styleText } from "node:util";
import { table } from "../table.ts";
import type { TopEndpoint, TopPort, TopReport, Traffic } from "./report.ts";

/** What the rows are ordered by; names last in each case. */
export const SORTS = ["active", "new", "closed", "bytes", "name"] as const;
export type Sort = (typeof SORTS)[number];

export interface TopView {
  readonly sort: Sort;
  readonly endpoints: boolean;
}

const VALUE: Readonly<Record<Exclude<Sort, "name">, (traffic: Traffic) => number>> = {
  active: ({ active, opening }) => active + opening,
  new: ({ openedPerSecond }) => openedPerSecond,
  closed: ({ closedPerSecond }) => closedPerSecond,
  bytes: ({ bytesPerSecond }) => bytesPerSecond ?? 0,
};

function inOrder<T extends Traffic>(rows: readonly T[], sort: Sort, nameOf: (row: T) => string): T[] {
  const value = sort === "name" ? () => 0 : VALUE[sort];
  return rows.toSorted(
    (a, b) => value(b) - value(a) || nameOf(a).localeCompare(nameOf(b), "en", { numeric: true }),
  );
}

/** The lines above the table: what it is taken from. */
export function headLines({ seconds, conntrack, hasCounters, ports }: TopReport): string[] {
  const sum = (value: (port: TopPort) => number): number => ports.reduce((all, port) => all + value(port), 0);
  const services = new Set(ports.map(({ namespace, service }) => `${namespace}/${service}`)).size;
  const percent = ((100 * conntrack.entries) / conntrack.limit).toFixed(conntrack.entries > 0 ? 1 : 0);
  return [
    `${services} Services: ${sum(({ active }) => active)} connections, ${rate(sum((port) => port.openedPerSecond))} new/s, ` +
      `${rate(sum((port) => port.closedPerSecond))} closed/s over ${seconds.toFixed(1)} s`,
    `conntrack: ${conntrack.entries} of ${conntrack.limit} entries (${percent} %)` +
      (hasCounters ? "" : "; bytes are not counted: sysctl net.netfilter.nf_conntrack_acct is 0"),
  ];
}

export function tableLines({ ports, hasCounters }: TopReport, view: TopView): string[] {
  const rows = inOrder(ports, view.sort, (port) => `${port.namespace}/${port.service}/${port.port}`).flatMap(
    (port) => [
      [serviceText(port), "", ...cells(port, hasCounters)],
      ...(view.endpoints ? endpointRows(port, view.sort, hasCounters) : []),
    ],
  );
  const header = [
    "SERVICE / ENDPOINT",
    "STATE",
    "ACTIVE",
    "OPENING",
    "NEW/s",
    "CLOSED/s",
    ...(hasCounters ? ["BYTES/s", "PACKETS/s"] : []),
  ];
  return table(header, rows).trimEnd().split("\n");
}

function serviceText({ namespace, service, port, protocol }: TopPort): string {
  return `${namespace}/${service}${port === "" ? "" : `:${port}`} ${protocol}`;
}

function endpointRows({ endpoints }: TopPort, sort: Sort, hasCounters: boolean): string[][] {
  return inOrder(endpoints, sort, ({ address }) => address).map((endpoint) => [
    `  ${endpoint.address}${whose(endpoint)}`,
    endpoint.state,
    ...cells(endpoint, hasCounters),
  ]);
}

function whose({ pod, node }: TopEndpoint): string {
  return `${pod === undefined ? "" : `  ${pod}`}${node === undefined ? "" : ` on ${node}`}`;
}

function cells(traffic: Traffic, hasCounters: boolean): string[] {
  return [
    String(traffic.active),
    String(traffic.opening),
    rate(traffic.openedPerSecond),
    rate(traffic.closedPerSecond),
    ...(hasCounters ? [amount(traffic.bytesPerSecond ?? 0), amount(traffic.packetsPerSecond ?? 0)] : []),
  ];
}

/** "0", "0.4", "12", "3400". */
function rate(value: number): string {
  return value === 0 || value >= 9.95 ? value.toFixed(0) : value.toFixed(1);
}

const PREFIXES = ["", "k", "M", "G", "T"] as const;

/** "950", "1.2k", "34M": thousands. */
function amount(value: number): string {
  let step = 0;
  while (value >= 999.5 && step < PREFIXES.length - 1) {
    value /= 1000;
    step++;
  }
  return `${step === 0 || value >= 9.95 ? value.toFixed(0) : value.toFixed(1)}${PREFIXES[step]}`;
}

export function topText(report: TopReport, view: TopView): string {
  const rows = report.ports.length === 0 ? ["no Services with a virtual address"] : tableLines(report, view);
  return [...headLines(report), "", ...rows].map((line) => `${line}\n`).join("");
}

const KEYS = "q quit   a active  n new  c closed  b bytes  s name   e endpoints   ↑ ↓ scroll";

export interface Window {
  readonly columns: number;
  readonly rows: number;
}

/** One screen full: head, table from row `scroll` on, keys. Every line fits the window. */
export function screenLines(
  report: TopReport | undefined,
  view: TopView,
  scroll: number,
  { columns, rows }: Window,
): string[] {
  const head = report === undefined ? ["looking at connections ..."] : headLines(report);
  const [header = "", ...body] = report === undefined ? [] : tableLines(report, view);
  const room = Math.max(0, rows - head.length - 3);
  const from = Math.min(scroll, Math.max(0, body.length - room));
  const cut = (line: string): string => line.slice(0, columns);
  return [
    ...head.map(cut),
    "",
    styleText("inverse", cut(header).padEnd(columns)),
    ...Array.from({ length: room }, (_, i) => paint(cut(body[from + i] ?? ""))),
    styleText("dim", cut(`${KEYS}   (by ${view.sort})`)),
  ].slice(0, rows);
}

/** A Service's line stands out from those of its endpoints. */
function paint(line: string): string {
  return line === "" || line.startsWith(" ") ? line : styleText("bold", line);
}
