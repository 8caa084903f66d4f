/** Service reports as people read them in a terminal. */
import { styleText } from "node:util";
import { table } from "../table.ts";
import type { EndpointReport, EndpointState, ServiceReport } from "./report.ts";

const COLOUR = { ready: "green", "not ready": "yellow", stopping: "gray" } as const satisfies Record<
  EndpointState,
  string
>;

export interface StatusView {
  /** With columns for what most Services leave at its default, and node, zone and weight of endpoints. */
  readonly wide: boolean;
  /** The node whose point of view it is. */
  readonly node: string | undefined;
}

export function statusText(reports: readonly ServiceReport[], view: StatusView): string {
  if (reports.length === 0)
    return 'no Services yet: try "kubectl create service clusterip web --tcp=80:8080"\n';
  const summary = table(
    ["SERVICE", "TYPE", "VIRTUAL IP", "PORTS", ...(view.wide ? WIDE.map(([name]) => name) : []), "ENDPOINTS"],
    reports.map((report) => [
      `${report.namespace}/${report.name}`,
      report.type,
      list(report.addresses),
      list(report.ports),
      ...(view.wide ? WIDE.map(([, cell]) => cell(report)) : []),
      `${report.ready} ready of ${report.total}`,
    ]),
  );
  const details = reports.map((report) => detail(report, view)).filter((text) => text !== "");
  const isSomeUnused = reports.some(({ endpoints }) => endpoints.some(({ whyNot }) => whyNot !== undefined));
  const whose =
    !isSomeUnused || view.node === undefined ? "" : `"not used" is as node ${view.node} sees it (--node)\n`;
  return [summary, ...details, ...(whose === "" ? [] : [whose])].join("\n");
}

function list(values: readonly string[]): string {
  return values.join(",") || "<none>";
}

/** Columns of the wide form. */
const WIDE: readonly (readonly [string, (report: ServiceReport) => string])[] = [
  ["NODE PORTS", ({ nodePorts }) => list(nodePorts)],
  ["EXTERNAL", (report) => list(externalAddresses(report))],
  ["POLICIES", policies],
  ["AFFINITY", ({ affinitySeconds }) => (affinitySeconds === undefined ? "<none>" : `${affinitySeconds}s`)],
  ["BALANCE", ({ balance }) => balance],
];

function externalAddresses({ type, loadBalancer, externalIPs, externalName }: ServiceReport): string[] {
  return [
    ...(externalName === undefined ? [] : [externalName]),
    ...(type === "LoadBalancer" && loadBalancer.length === 0 ? ["<pending>"] : loadBalancer),
    ...externalIPs,
  ];
}

/** "Cluster", or "internal Local, external Cluster". */
function policies({ internalTrafficPolicy, externalTrafficPolicy }: ServiceReport): string {
  if (externalTrafficPolicy === undefined || externalTrafficPolicy === internalTrafficPolicy)
    return internalTrafficPolicy;
  return `internal ${internalTrafficPolicy}, external ${externalTrafficPolicy}`;
}

function detail(report: ServiceReport, view: StatusView): string {
  const { namespace, name, endpoints, notProviders, whyEmpty, problems } = report;
  const lines = [
    ...settings(report, view).map((line) => `  ${line}`),
    ...endpointLines(endpoints, view),
    ...notProviders.map(({ pod, why }) => `  ${styleText("red", "no       ")}  pod ${pod} ${why}`),
    ...(whyEmpty === undefined ? [] : [`  ${styleText("red", "nobody   ")}  ${whyEmpty}`]),
    ...problems.map((problem) => `  ${styleText("red", "problem  ")}  ${problem}`),
  ];
  return lines.length === 0 ? "" : `${namespace}/${name}\n${lines.join("\n")}\n`;
}

/** What the Service says beyond the defaults, on one line; the wide form has columns for most of it. */
function settings(report: ServiceReport, { wide }: StatusView): string[] {
  const { sourceRanges, healthCheckNodePort, trafficDistribution } = report;
  const said = [
    ...(wide ? [] : narrowSettings(report)),
    ...(sourceRanges.length === 0 ? [] : [`only from ${sourceRanges.join(",")}`]),
    ...(healthCheckNodePort === undefined ? [] : [`health checks at node port ${healthCheckNodePort}`]),
    ...(trafficDistribution === undefined ? [] : [`traffic distribution ${trafficDistribution}`]),
  ];
  return said.length === 0 ? [] : [said.join("; ")];
}

function narrowSettings(report: ServiceReport): string[] {
  const external = externalAddresses(report);
  return [
    ...(report.nodePorts.length === 0 ? [] : [`node ports ${report.nodePorts.join(",")}`]),
    ...(external.length === 0 ? [] : [`external ${external.join(",")}`]),
    ...(policies(report) === "Cluster" ? [] : [`traffic policy ${policies(report)}`]),
    ...spread(report),
  ];
}

/** How clients are spread over endpoints, where it is not each connection anew at random. */
function spread({ affinitySeconds, balance }: ServiceReport): string[] {
  // The policy is an affinity itself.
  if (balance === "least-clients")
    return [`each client keeps its endpoint (${balance}, ${affinitySeconds} s)`];
  return [
    ...(affinitySeconds === undefined ? [] : [`affinity of clients for ${affinitySeconds} s`]),
    ...(balance === "random" ? [] : [`balance ${balance}`]),
  ];
}

function endpointLines(endpoints: readonly EndpointReport[], { wide }: StatusView): string[] {
  // Weights say something where they differ.
  const showWeights = wide || endpoints.some(({ weight }) => weight !== 1);
  return endpoints.map(({ address, pod, state, node, zone, weight, use, whyNot }) =>
    [
      `  ${styleText(COLOUR[state], state.padEnd(9))}`,
      address,
      ...(pod === undefined ? [] : [`pod ${pod}`]),
      ...(wide && node !== undefined ? [`node ${node}`] : []),
      ...(wide && zone !== undefined ? [`zone ${zone}`] : []),
      ...(showWeights ? [`weight ${weight}`] : []),
      // That a stopping endpoint gets nothing new says its state already.
      ...(state !== "ready" && use !== undefined && whyNot === undefined
        ? ["still used: none is ready"]
        : []),
      ...(whyNot === undefined || whyNot === `not used: it is ${state}` ? [] : [styleText("yellow", whyNot)]),
    ].join("  "),
  );
}
