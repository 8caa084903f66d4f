/** The schemas of v1 Pod: probes and lifecycle hooks. */
import type {
  ExecAction,
  GRPCAction,
  HTTPGetAction,
  HTTPHeader,
  Lifecycle,
  LifecycleHandler,
  Probe,
  ProbeHandler,
  SleepAction,
  TCPSocketAction,
} from "./probe-type.ts";
import {
  inline,
  int32,
  int64,
  intOrString,
  list,
  object,
  objectSchema,
  pointer,
  required,
  string,
  strings,
  written,
} from "../schema/fields.ts";
import type { FieldsOf } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";

export const execActionSchema: ObjectSchema<ExecAction> = objectSchema(
  "io.k8s.api.core.v1.ExecAction",
  "Runs a command.",
  {
    command: strings(1, "The program and its arguments; no shell.", { list: { type: "atomic" } }),
  },
);

export const httpHeaderSchema: ObjectSchema<HTTPHeader> = objectSchema(
  "io.k8s.api.core.v1.HTTPHeader",
  "A header.",
  {
    name: required(string(1, "The name.")),
    value: required(string(2, "The value.")),
  },
);

export const httpGetActionSchema: ObjectSchema<HTTPGetAction> = objectSchema(
  "io.k8s.api.core.v1.HTTPGetAction",
  "Asks by HTTP.",
  {
    path: string(1, "The path."),
    port: required(intOrString(2, "The port: a number, or the name of a container port.")),
    host: string(3, "The host; the pod's address if empty."),
    scheme: string(4, "HTTP or HTTPS."),
    httpHeaders: list(5, httpHeaderSchema, "Further headers.", { list: { type: "atomic" } }),
  },
);

export const tcpSocketActionSchema: ObjectSchema<TCPSocketAction> = objectSchema(
  "io.k8s.api.core.v1.TCPSocketAction",
  "Opens a TCP connection.",
  {
    port: required(intOrString(1, "The port: a number, or the name of a container port.")),
    host: string(2, "The host; the pod's address if empty."),
  },
);

export const grpcActionSchema: ObjectSchema<GRPCAction> = objectSchema(
  "io.k8s.api.core.v1.GRPCAction",
  "Asks the gRPC health service.",
  {
    port: required(int32(1, "The port number.")),
    service: written(pointer(string(2, "The service that is asked about."))),
  },
);

/** How a check is made. */
export const probeHandlerFields: FieldsOf<ProbeHandler> = {
  exec: pointer(object(1, execActionSchema, "Runs a command in the container; exit code 0 is success.")),
  httpGet: pointer(object(2, httpGetActionSchema, "Asks by HTTP; 200 to 399 is success.")),
  tcpSocket: pointer(object(3, tcpSocketActionSchema, "Opens a TCP connection.")),
  grpc: pointer(object(4, grpcActionSchema, "Asks the gRPC health service.")),
};

export const probeSchema: ObjectSchema<Probe> = objectSchema(
  "io.k8s.api.core.v1.Probe",
  "A check of a container's health.",
  {
    ...inline(1, probeHandlerFields),
    initialDelaySeconds: int32(2, "Seconds after the start before the first check."),
    timeoutSeconds: int32(3, "Seconds a check may take."),
    periodSeconds: int32(4, "Seconds between checks."),
    successThreshold: int32(5, "Successes in a row to be well after a failure."),
    failureThreshold: int32(6, "Failures in a row to be unwell."),
    terminationGracePeriodSeconds: pointer(
      int64(7, "Seconds between the stop signal and the kill when the check fails."),
    ),
  },
);

export const sleepActionSchema: ObjectSchema<SleepAction> = objectSchema(
  "io.k8s.api.core.v1.SleepAction",
  "Waits.",
  {
    seconds: required(int64(1, "For how many seconds.")),
  },
);

export const lifecycleHandlerSchema: ObjectSchema<LifecycleHandler> = objectSchema(
  "io.k8s.api.core.v1.LifecycleHandler",
  "What is done.",
  {
    exec: pointer(object(1, execActionSchema, "Runs a command in the container; exit code 0 is success.")),
    httpGet: pointer(object(2, httpGetActionSchema, "Asks by HTTP; 200 to 399 is success.")),
    tcpSocket: pointer(object(3, tcpSocketActionSchema, "Opens a TCP connection.")),
    sleep: pointer(object(4, sleepActionSchema, "Waits.")),
  },
);

export const lifecycleSchema: ObjectSchema<Lifecycle> = objectSchema(
  "io.k8s.api.core.v1.Lifecycle",
  "What to do after a container's start and before its stop.",
  {
    postStart: pointer(object(1, lifecycleHandlerSchema, "Done after the start.")),
    preStop: pointer(object(2, lifecycleHandlerSchema, "Done before the stop signal.")),
    stopSignal: pointer(string(3, "The signal that asks the container to stop, such as SIGTERM.")),
  },
);
