/**
 * What a request's body must be: every check of Contiv's (contiv/netplugin contivmodel Validate*, netmaster
 * apiController.go), in its words, of every port and selector, and all that is wrong at once. Each text begins as
 * Contiv's does; after it comes what was wrong with which value.
 */
import { parseCidr, parseIp } from "../base/ip.ts";
import {
  labelValueComplaints,
  portNameComplaints,
  qualifiedNameComplaints,
} from "../api/validation/names.ts";
import { type Field, type Fields, networkFields, serviceFields, tenantFields } from "./fields.ts";
import { ContivError, type Problem } from "./refusal.ts";
import type { NetworkConfig, ServiceConfig, TenantConfig } from "./wire.ts";

type Body = Readonly<Record<string, unknown>>;

const PORT_TEXT = "Invalid Port maping . Port format is - Port:TargetPort:Protocol";
/** SCTP is not Contiv's, but a Service that kubectl has made may have it. */
const PROTOCOLS = ["TCP", "UDP", "SCTP"] as const;

/** Of which refusals say no more: a key with its prefix and a value, in characters. */
const LONGEST_SELECTOR = 400;

/** A port of a service as its text says it. */
export interface PortMapping {
  readonly port: number;
  /** A number, or the name of a container's port. */
  readonly target: number | string;
  readonly protocol: (typeof PROTOCOLS)[number];
}

/** Throws ContivError 400. `names` are what the path's key says; the body may leave them out. */
export function readNetwork(
  body: unknown,
  names: Pick<NetworkConfig, "tenantName" | "networkName">,
): NetworkConfig {
  const { config, problems } = readFields<NetworkConfig>(body, names, networkFields);
  if (names.networkName === "") problems.push({ field: "networkName", message: "Invalid network name" });
  if (names.tenantName === "") problems.push({ field: "tenantName", message: "Invalid tenant name" });
  const { subnet = "", ipv6Subnet = "" } = config;
  if (subnet === "" && ipv6Subnet === "" && problems.length === 0)
    problems.push({
      field: "subnet",
      message: "subnet is required: give one as 10.1.1.0/24, or an ipv6Subnet",
    });
  if (!problems.some(({ field }) => field === "subnet")) problems.push(...subnetProblems(subnet));
  if (
    !problems.some(({ field }) => field === "ipv6Subnet") &&
    ipv6Subnet !== "" &&
    parseCidr(ipv6Subnet) === undefined
  )
    problems.push({
      field: "ipv6Subnet",
      message: `ipv6Subnet string invalid format: ${excerpt(ipv6Subnet)}`,
    });
  for (const field of ["ipv6Gateway", "gateway"] as const) {
    const text = config[field] ?? "";
    if (text !== "" && parseIp(text) === undefined && !problems.some((problem) => problem.field === field))
      problems.push({ field, message: `${field} string invalid format: ${excerpt(text)}` });
  }
  refuse(problems);
  return config;
}

/** Throws ContivError 400. */
export function readTenant(body: unknown, names: Pick<TenantConfig, "tenantName">): TenantConfig {
  const { config, problems } = readFields<TenantConfig>(body, names, tenantFields);
  if (names.tenantName === "") problems.push({ field: "tenantName", message: "Invalid tenant name" });
  refuse(problems);
  return config;
}

/** Throws ContivError 400. */
export function readService(
  body: unknown,
  names: Pick<ServiceConfig, "tenantName" | "serviceName">,
): ServiceConfig {
  const { config: read, problems } = readFields<ServiceConfig>(body, names, serviceFields);
  if (names.serviceName === "") problems.push({ field: "serviceName", message: "Invalid service name" });
  if (names.tenantName === "") problems.push({ field: "tenantName", message: "Invalid tenant name" });
  const config = {
    ...read,
    networkName: read.networkName ?? "",
    selectors: read.selectors ?? [],
    ports: read.ports ?? [],
  };
  const { ipAddress = "", selectors, ports } = config;
  const wrong = new Set(problems.map(({ field }) => field?.replace(/\[.*/, "")));
  if (ipAddress !== "" && !wrong.has("ipAddress") && parseIp(ipAddress) === undefined)
    problems.push({ field: "ipAddress", message: `ipAddress string invalid format: ${excerpt(ipAddress)}` });
  if (!wrong.has("selectors")) problems.push(...selectorProblems(selectors));
  if (!wrong.has("ports")) problems.push(...portProblems(ports));
  refuse(problems);
  return config;
}

/** The labels of selectors that were checked. */
export function selectorOf(selectors: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    selectors.map((text) => {
      const at = text.indexOf("=");
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

/** Of a text that was checked. */
export function portMapping(text: string): PortMapping {
  const [port, target, protocol] = text.split(":") as [string, string, string];
  return {
    port: Number(port),
    target: /^\d+$/.test(target) ? Number(target) : target,
    protocol: protocol.toUpperCase() as PortMapping["protocol"],
  };
}

function refuse(problems: readonly Problem[]): void {
  if (problems.length > 0) throw new ContivError(400, problems);
}

/** The body's fields that we know, each checked by itself; others are passed over, as Contiv does. */
function readFields<Config extends object>(
  body: unknown,
  names: Partial<Config>,
  fields: Fields<Config>,
): { config: Config; problems: Problem[] } {
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw new ContivError(400, `the body is not a JSON object: ${excerpt(body)}`);
  const given = body as Body;
  const problems: Problem[] = [];
  const config: Record<string, unknown> = { ...names };
  for (const [name, field] of Object.entries<Field>(fields)) {
    // null is what Go writes of an empty list, and what a merge patch removes.
    const value = given[name] ?? undefined;
    const named = (names as Body)[name];
    if (named !== undefined) {
      // Contiv's key is made of these.
      if (value !== undefined && value !== named)
        problems.push({
          field: name,
          message: `Invalid Key: the path says ${excerpt(named)}, ${name} is ${excerpt(value)}`,
        });
      if (named !== "") problems.push(...fieldProblems(name, field, named));
    } else if (value !== undefined) {
      const wrong = fieldProblems(name, field, value);
      problems.push(...wrong);
      // What has the wrong type is looked at no further.
      if (wrong.length === 0) config[name] = value;
    }
  }
  return { config: config as Config, problems };
}

function fieldProblems(name: string, field: Field, value: unknown): Problem[] {
  const problem = (message: string): Problem[] => [{ field: name, message }];
  switch (field.type) {
    case "strings": {
      if (!Array.isArray(value)) return problem(`${name} is not a list of texts: ${excerpt(value)}`);
      if (value.length > field.maxLength!)
        return problem(`${name} is too long: ${value.length} items, at most ${field.maxLength} are allowed`);
      return (value as unknown[]).flatMap((item, at) =>
        typeof item === "string"
          ? []
          : [{ field: `${name}[${at}]`, message: `${name}[${at}] is not a text: ${excerpt(item)}` }],
      );
    }
    case "integer":
      if (!Number.isInteger(value)) return problem(`${name} is not a whole number: ${excerpt(value)}`);
      return (value as number) < 0 || (value as number) > field.maximum!
        ? problem(`${name} Value Out of bound: ${excerpt(value)} is not in 0..${field.maximum}`)
        : [];
    default:
      if (typeof value !== "string") return problem(`${name} is not a text: ${excerpt(value)}`);
      if (value === "") return [];
      if (field.maxLength !== undefined && value.length > field.maxLength)
        return problem(
          `${name} string too long: ${value.length} characters, at most ${field.maxLength} are allowed`,
        );
      if (field.pattern?.test(value) === false)
        return problem(`${name} string invalid format: ${excerpt(value)}`);
      return field.values?.includes(value) === false
        ? problem(`${name} string invalid format: ${excerpt(value)} is none of ${field.values.join(", ")}`)
        : [];
  }
}

/** Of "10.1.1.0/24" and "10.1.1.10-10.1.1.20/24" in good form. */
function subnetProblems(text: string): Problem[] {
  if (text === "") return [];
  const slash = text.indexOf("/");
  const length = Number(text.slice(slash + 1));
  const problem = (message: string): Problem[] => [{ field: "subnet", message }];
  if (length < 8) return problem(`subnet length ${length} not supported: it may be 8 to 32`);
  const addresses = text.slice(0, slash);
  // A range's subnet follows from its first address; a subnet's own address must be one.
  if (!addresses.includes("-") && parseCidr(text) === undefined)
    return problem(`subnet string invalid format: ${excerpt(text)} has bits set past the prefix`);
  return [];
}

function selectorProblems(selectors: readonly string[]): Problem[] {
  if (selectors.length === 0)
    return [{ field: "selectors", message: "Invalid selector options: there is none" }];
  const problems: Problem[] = [];
  const wanted = new Map<string, string>();
  selectors.forEach((text, at) => {
    const problem = (why: string): void => {
      problems.push({
        field: `selectors[${at}]`,
        message: `Invalid selector ${text.slice(0, LONGEST_SELECTOR)}. selector format is key1=value1${why}`,
      });
    };
    const [key, value, ...more] = text.split("=");
    if (key === undefined || key === "" || value === undefined || more.length > 0) return problem("");
    const [aboutKey] = qualifiedNameComplaints(key);
    const [aboutValue] = labelValueComplaints(value);
    if (aboutKey !== undefined) problem(`: key ${excerpt(key)}: ${aboutKey}`);
    if (aboutValue !== undefined) problem(`: value ${excerpt(value)}: ${aboutValue}`);
    const before = wanted.get(key);
    if (before !== undefined && before !== value)
      problem(`: ${excerpt(key)} is asked to be ${excerpt(before)} too, and no container has both`);
    wanted.set(key, value);
  });
  return problems;
}

function portProblems(ports: readonly string[]): Problem[] {
  if (ports.length === 0) return [{ field: "ports", message: `${PORT_TEXT}: there is none` }];
  const problems: Problem[] = [];
  const seen = new Map<string, number>();
  ports.forEach((text, at) => {
    const whys = portComplaints(text);
    if (whys.length === 0) {
      const { port, protocol } = portMapping(text);
      const first = seen.get(`${port} ${protocol}`);
      if (first === undefined) seen.set(`${port} ${protocol}`, at);
      else whys.push(`ports[${first}] has port ${port}/${protocol} already`);
    }
    for (const why of whys)
      problems.push({ field: `ports[${at}]`, message: `${PORT_TEXT}: ${excerpt(text)}: ${why}` });
  });
  return problems;
}

function portComplaints(text: string): string[] {
  const parts = text.split(":");
  if (parts.length !== 3) return [`it has ${parts.length} of the three parts`];
  const [port, target, protocol] = parts as [string, string, string];
  const complaints: string[] = [];
  if (!isPort(port)) complaints.push(`Port ${excerpt(port)} is not a number from 1 to 65535`);
  // "-1" and "0" are numbers that are wrong, not names.
  if (!isPort(target) && (/^-?\d*$/.test(target) || portNameComplaints(target).length > 0))
    complaints.push(
      `TargetPort ${excerpt(target)} is neither a number from 1 to 65535 nor the name of a port`,
    );
  if (!PROTOCOLS.some((known) => known === protocol.toUpperCase()))
    complaints.push(`Protocol ${excerpt(protocol)} is none of ${PROTOCOLS.join(", ")}`);
  return complaints;
}

function isPort(text: string): boolean {
  return /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65535;
}

/** As JSON, and not at any length. */
function excerpt(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length <= 100 ? text : `${text.slice(0, 99)}…`;
}
