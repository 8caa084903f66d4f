/** v1 Pod: probes and lifecycle hooks. */
import type { IntOrString } from "../meta/type.ts";

/** A check of a container's health. */
export interface Probe extends ProbeHandler {
  /** Seconds after the start before the first check. */
  initialDelaySeconds?: number;
  /** Seconds a check may take. */
  timeoutSeconds?: number;
  /** Seconds between checks. */
  periodSeconds?: number;
  /** Successes in a row to be well after a failure. */
  successThreshold?: number;
  /** Failures in a row to be unwell. */
  failureThreshold?: number;
  /** Seconds between the stop signal and the kill when the check fails. */
  terminationGracePeriodSeconds?: number;
}

/** How a check is made. */
export interface ProbeHandler {
  /** Runs a command in the container; exit code 0 is success. */
  exec?: ExecAction;
  /** Asks by HTTP; 200 to 399 is success. */
  httpGet?: HTTPGetAction;
  /** Opens a TCP connection. */
  tcpSocket?: TCPSocketAction;
  /** Asks the gRPC health service. */
  grpc?: GRPCAction;
}

/** What to do after a container's start and before its stop. */
export interface Lifecycle {
  /** Done after the start. */
  postStart?: LifecycleHandler;
  /** Done before the stop signal. */
  preStop?: LifecycleHandler;
  /** The signal that asks the container to stop, such as SIGTERM. */
  stopSignal?: string;
}

/** What is done. */
export interface LifecycleHandler {
  /** Runs a command in the container; exit code 0 is success. */
  exec?: ExecAction;
  /** Asks by HTTP; 200 to 399 is success. */
  httpGet?: HTTPGetAction;
  /** Opens a TCP connection. */
  tcpSocket?: TCPSocketAction;
  /** Waits. */
  sleep?: SleepAction;
}

/** Runs a command. */
export interface ExecAction {
  /** The program and its arguments; no shell. */
  command?: string[];
}

/** Asks by HTTP. */
export interface HTTPGetAction {
  /** The path. */
  path?: string;
  /** The port: a number, or the name of a container port. */
  port: IntOrString;
  /** The host; the pod's address if empty. */
  host?: string;
  /** HTTP or HTTPS. */
  scheme?: string;
  /** Further headers. */
  httpHeaders?: HTTPHeader[];
}

/** A header. */
export interface HTTPHeader {
  /** The name. */
  name: string;
  /** The value. */
  value: string;
}

/** Opens a TCP connection. */
export interface TCPSocketAction {
  /** The port: a number, or the name of a container port. */
  port: IntOrString;
  /** The host; the pod's address if empty. */
  host?: string;
}

/** Asks the gRPC health service. */
export interface GRPCAction {
  /** The port number. */
  port: number;
  /** The service that is asked about. */
  service: string;
}

/** Waits. */
export interface SleepAction {
  /** For how many seconds. */
  seconds: number;
}
