/** The schemas of v1 Pod: volumes. */
import { labelSelectorSchema, objectMetaSchema } from "../meta/schema.ts";
import {
  localObjectReferenceFields,
  localObjectReferenceSchema,
  objectFieldSelectorSchema,
  resourceFieldSelectorSchema,
  typedLocalObjectReferenceSchema,
  typedObjectReferenceSchema,
} from "./reference-schema.ts";
import {
  awsElasticBlockStoreVolumeSourceSchema,
  azureDiskVolumeSourceSchema,
  azureFileVolumeSourceSchema,
  cephFSVolumeSourceSchema,
  cinderVolumeSourceSchema,
  fcVolumeSourceSchema,
  flexVolumeSourceSchema,
  flockerVolumeSourceSchema,
  gcePersistentDiskVolumeSourceSchema,
  gitRepoVolumeSourceSchema,
  glusterfsVolumeSourceSchema,
  iscsiVolumeSourceSchema,
  photonPersistentDiskVolumeSourceSchema,
  portworxVolumeSourceSchema,
  quobyteVolumeSourceSchema,
  rbdVolumeSourceSchema,
  scaleIOVolumeSourceSchema,
  storageOSVolumeSourceSchema,
  vsphereVirtualDiskVolumeSourceSchema,
} from "./volume-plugin-schema.ts";
import type {
  CSIVolumeSource,
  ClusterTrustBundleProjection,
  ConfigMapProjection,
  ConfigMapVolumeSource,
  DownwardAPIProjection,
  DownwardAPIVolumeFile,
  DownwardAPIVolumeSource,
  EmptyDirVolumeSource,
  EphemeralVolumeSource,
  HostPathVolumeSource,
  ImageVolumeSource,
  KeyToPath,
  NFSVolumeSource,
  PersistentVolumeClaimSpec,
  PersistentVolumeClaimTemplate,
  PersistentVolumeClaimVolumeSource,
  PodCertificateProjection,
  ProjectedVolumeSource,
  SecretProjection,
  SecretVolumeSource,
  ServiceAccountTokenProjection,
  Volume,
  VolumeProjection,
  VolumeResourceRequirements,
  VolumeSource,
} from "./volume-type.ts";
import {
  boolean,
  demanded,
  inline,
  int32,
  int64,
  list,
  object,
  objectSchema,
  pointer,
  quantity,
  quantityMap,
  required,
  string,
  stringMap,
  strings,
  written,
} from "../schema/fields.ts";
import type { FieldsOf } from "../schema/fields.ts";
import type { ObjectSchema } from "../schema/schema.ts";

export const hostPathVolumeSourceSchema: ObjectSchema<HostPathVolumeSource> = objectSchema(
  "io.k8s.api.core.v1.HostPathVolumeSource",
  "A path of the node.",
  {
    path: required(string(1, "The path.")),
    type: pointer(string(2, "What must be at the path.")),
  },
);

export const emptyDirVolumeSourceSchema: ObjectSchema<EmptyDirVolumeSource> = objectSchema(
  "io.k8s.api.core.v1.EmptyDirVolumeSource",
  "An empty directory.",
  {
    medium: string(1, "Where it is kept: the node's default, Memory, or HugePages."),
    sizeLimit: pointer(quantity(2, "The most it may hold.")),
  },
);

export const keyToPathSchema: ObjectSchema<KeyToPath> = objectSchema(
  "io.k8s.api.core.v1.KeyToPath",
  "A key and the file it becomes.",
  {
    key: required(string(1, "The key.")),
    path: required(string(2, "The path.")),
    mode: pointer(int32(3, "The file's mode.")),
  },
);

export const secretVolumeSourceSchema: ObjectSchema<SecretVolumeSource> = objectSchema(
  "io.k8s.api.core.v1.SecretVolumeSource",
  "A Secret as files.",
  {
    secretName: string(1, "The Secret's name."),
    items: list(2, keyToPathSchema, "The keys to use and their paths; all if empty.", {
      list: { type: "atomic" },
    }),
    defaultMode: pointer(int32(3, "The files' mode.")),
    optional: pointer(boolean(4, "Whether it may be missing.")),
  },
);

export const nfsVolumeSourceSchema: ObjectSchema<NFSVolumeSource> = objectSchema(
  "io.k8s.api.core.v1.NFSVolumeSource",
  "An NFS export.",
  {
    server: required(string(1, "The server.")),
    path: required(string(2, "The path.")),
    readOnly: boolean(3, "Whether it is read-only."),
  },
);

export const persistentVolumeClaimVolumeSourceSchema: ObjectSchema<PersistentVolumeClaimVolumeSource> =
  objectSchema("io.k8s.api.core.v1.PersistentVolumeClaimVolumeSource", "A claim to a persistent volume.", {
    claimName: required(string(1, "The claim's name.")),
    readOnly: boolean(2, "Whether it is read-only."),
  });

export const downwardAPIVolumeFileSchema: ObjectSchema<DownwardAPIVolumeFile> = objectSchema(
  "io.k8s.api.core.v1.DownwardAPIVolumeFile",
  "A file made of a field of the pod.",
  {
    path: required(string(1, "The path.")),
    fieldRef: pointer(object(2, objectFieldSelectorSchema, "A field of the pod.")),
    resourceFieldRef: pointer(object(3, resourceFieldSelectorSchema, "A resource of a container.")),
    mode: pointer(int32(4, "The file's mode.")),
  },
);

export const downwardAPIVolumeSourceSchema: ObjectSchema<DownwardAPIVolumeSource> = objectSchema(
  "io.k8s.api.core.v1.DownwardAPIVolumeSource",
  "Fields of the pod as files.",
  {
    items: list(1, downwardAPIVolumeFileSchema, "The keys to use and their paths; all if empty.", {
      list: { type: "atomic" },
    }),
    defaultMode: pointer(int32(2, "The files' mode.")),
  },
);

export const configMapVolumeSourceSchema: ObjectSchema<ConfigMapVolumeSource> = objectSchema(
  "io.k8s.api.core.v1.ConfigMapVolumeSource",
  "A ConfigMap as files.",
  {
    ...inline(1, localObjectReferenceFields),
    items: list(2, keyToPathSchema, "The keys to use and their paths; all if empty.", {
      list: { type: "atomic" },
    }),
    defaultMode: pointer(int32(3, "The files' mode.")),
    optional: pointer(boolean(4, "Whether it may be missing.")),
  },
);

export const secretProjectionSchema: ObjectSchema<SecretProjection> = objectSchema(
  "io.k8s.api.core.v1.SecretProjection",
  "A Secret as files.",
  {
    ...inline(1, localObjectReferenceFields),
    items: list(2, keyToPathSchema, "The keys to use and their paths; all if empty.", {
      list: { type: "atomic" },
    }),
    optional: pointer(boolean(4, "Whether it may be missing.")),
  },
);

export const downwardAPIProjectionSchema: ObjectSchema<DownwardAPIProjection> = objectSchema(
  "io.k8s.api.core.v1.DownwardAPIProjection",
  "Fields of the pod as files.",
  {
    items: list(1, downwardAPIVolumeFileSchema, "The keys to use and their paths; all if empty.", {
      list: { type: "atomic" },
    }),
  },
);

export const configMapProjectionSchema: ObjectSchema<ConfigMapProjection> = objectSchema(
  "io.k8s.api.core.v1.ConfigMapProjection",
  "A ConfigMap as files.",
  {
    ...inline(1, localObjectReferenceFields),
    items: list(2, keyToPathSchema, "The keys to use and their paths; all if empty.", {
      list: { type: "atomic" },
    }),
    optional: pointer(boolean(4, "Whether it may be missing.")),
  },
);

export const serviceAccountTokenProjectionSchema: ObjectSchema<ServiceAccountTokenProjection> = objectSchema(
  "io.k8s.api.core.v1.ServiceAccountTokenProjection",
  "A token of the pod's account.",
  {
    audience: string(1, "Who the token is for."),
    expirationSeconds: pointer(int64(2, "Seconds that the token is good for.")),
    path: required(string(3, "The path.")),
  },
);

export const clusterTrustBundleProjectionSchema: ObjectSchema<ClusterTrustBundleProjection> = objectSchema(
  "io.k8s.api.core.v1.ClusterTrustBundleProjection",
  "Trusted certificates.",
  {
    name: pointer(string(1, "The name.")),
    signerName: pointer(string(2, "The signer.")),
    labelSelector: pointer(object(3, labelSelectorSchema, "The bundles, by label.")),
    optional: pointer(boolean(5, "Whether it may be missing.")),
    path: required(string(4, "The path.")),
  },
);

const podCertificateProjectionSchema: ObjectSchema<PodCertificateProjection> = objectSchema(
  "io.k8s.api.core.v1.PodCertificateProjection",
  "A private key and the certificate that a signer gives for it.",
  {
    signerName: demanded(string(1, "The signer.")),
    keyType: demanded(
      string(2, "The kind of key: RSA3072, RSA4096, ECDSAP256, ECDSAP384, ECDSAP521 or ED25519."),
    ),
    maxExpirationSeconds: pointer(int32(3, "For how long the certificate may be good.")),
    credentialBundlePath: string(4, "The file with both."),
    keyPath: string(5, "The file with the key alone."),
    certificateChainPath: string(6, "The file with the certificates alone."),
  },
);

export const volumeProjectionSchema: ObjectSchema<VolumeProjection> = objectSchema(
  "io.k8s.api.core.v1.VolumeProjection",
  "One source of a projected volume.",
  {
    secret: pointer(object(1, secretProjectionSchema, "A Secret.")),
    downwardAPI: pointer(object(2, downwardAPIProjectionSchema, "Fields of the pod.")),
    configMap: pointer(object(3, configMapProjectionSchema, "A ConfigMap.")),
    serviceAccountToken: pointer(
      object(4, serviceAccountTokenProjectionSchema, "A token of the pod's account."),
    ),
    clusterTrustBundle: pointer(object(5, clusterTrustBundleProjectionSchema, "Trusted certificates.")),
    podCertificate: pointer(
      object(6, podCertificateProjectionSchema, "A key and its certificate. Not in use yet."),
    ),
  },
);

export const projectedVolumeSourceSchema: ObjectSchema<ProjectedVolumeSource> = objectSchema(
  "io.k8s.api.core.v1.ProjectedVolumeSource",
  "Several sources in one directory.",
  {
    sources: written(list(1, volumeProjectionSchema, "The sources.", { list: { type: "atomic" } })),
    defaultMode: pointer(int32(2, "The files' mode.")),
  },
);

export const csiVolumeSourceSchema: ObjectSchema<CSIVolumeSource> = objectSchema(
  "io.k8s.api.core.v1.CSIVolumeSource",
  "A volume of a CSI driver.",
  {
    driver: required(string(1, "The driver's name.")),
    readOnly: pointer(boolean(2, "Whether it is read-only.")),
    fsType: pointer(string(3, "The type of file system.")),
    volumeAttributes: stringMap(4, "Attributes for the driver."),
    nodePublishSecretRef: pointer(object(5, localObjectReferenceSchema, "A Secret for the driver.")),
  },
);

export const volumeResourceRequirementsSchema: ObjectSchema<VolumeResourceRequirements> = objectSchema(
  "io.k8s.api.core.v1.VolumeResourceRequirements",
  "The size of a volume.",
  {
    limits: quantityMap(1, "The most that may be used."),
    requests: quantityMap(2, "What is set aside."),
  },
);

export const persistentVolumeClaimSpecSchema: ObjectSchema<PersistentVolumeClaimSpec> = objectSchema(
  "io.k8s.api.core.v1.PersistentVolumeClaimSpec",
  "What is claimed.",
  {
    accessModes: strings(1, "How the volume may be mounted.", { list: { type: "atomic" } }),
    selector: pointer(object(4, labelSelectorSchema, "The volumes to choose from.")),
    resources: object(2, volumeResourceRequirementsSchema, "The size."),
    volumeName: string(3, "The volume's name."),
    storageClassName: pointer(string(5, "The storage class.")),
    volumeMode: pointer(string(6, "Filesystem or Block.")),
    dataSource: pointer(object(7, typedLocalObjectReferenceSchema, "What it is filled from.")),
    dataSourceRef: pointer(object(8, typedObjectReferenceSchema, "What it is filled from, of any kind.")),
    volumeAttributesClassName: pointer(string(9, "The class of its attributes.")),
  },
);

export const persistentVolumeClaimTemplateSchema: ObjectSchema<PersistentVolumeClaimTemplate> = objectSchema(
  "io.k8s.api.core.v1.PersistentVolumeClaimTemplate",
  "The claim that is made.",
  {
    metadata: object(1, objectMetaSchema, "Labels and annotations of the claim."),
    spec: required(object(2, persistentVolumeClaimSpecSchema, "What is claimed.")),
  },
);

export const ephemeralVolumeSourceSchema: ObjectSchema<EphemeralVolumeSource> = objectSchema(
  "io.k8s.api.core.v1.EphemeralVolumeSource",
  "A persistent volume that lives as long as the pod.",
  {
    volumeClaimTemplate: pointer(object(1, persistentVolumeClaimTemplateSchema, "The claim that is made.")),
  },
);

export const imageVolumeSourceSchema: ObjectSchema<ImageVolumeSource> = objectSchema(
  "io.k8s.api.core.v1.ImageVolumeSource",
  "A container image's files.",
  {
    reference: string(1, "The image."),
    pullPolicy: string(2, "When it is pulled."),
  },
);

/** Where a volume comes from: exactly one of these. */
export const volumeSourceFields: FieldsOf<VolumeSource> = {
  hostPath: pointer(object(1, hostPathVolumeSourceSchema, "A path of the node.")),
  emptyDir: pointer(
    object(2, emptyDirVolumeSourceSchema, "An empty directory that lives as long as the pod."),
  ),
  gcePersistentDisk: pointer(
    object(3, gcePersistentDiskVolumeSourceSchema, "A GCE persistent disk. Deprecated."),
  ),
  awsElasticBlockStore: pointer(
    object(4, awsElasticBlockStoreVolumeSourceSchema, "An AWS EBS volume. Deprecated."),
  ),
  gitRepo: pointer(object(5, gitRepoVolumeSourceSchema, "A git repository. Deprecated.")),
  secret: pointer(object(6, secretVolumeSourceSchema, "A Secret as files.")),
  nfs: pointer(object(7, nfsVolumeSourceSchema, "An NFS export.")),
  iscsi: pointer(object(8, iscsiVolumeSourceSchema, "An iSCSI disk.")),
  glusterfs: pointer(object(9, glusterfsVolumeSourceSchema, "A GlusterFS volume. Deprecated.")),
  persistentVolumeClaim: pointer(
    object(10, persistentVolumeClaimVolumeSourceSchema, "A claim to a persistent volume."),
  ),
  rbd: pointer(object(11, rbdVolumeSourceSchema, "A Ceph block device. Deprecated.")),
  flexVolume: pointer(object(12, flexVolumeSourceSchema, "A volume of an exec plugin. Deprecated.")),
  cinder: pointer(object(13, cinderVolumeSourceSchema, "An OpenStack Cinder volume. Deprecated.")),
  cephfs: pointer(object(14, cephFSVolumeSourceSchema, "A CephFS mount. Deprecated.")),
  flocker: pointer(object(15, flockerVolumeSourceSchema, "A Flocker volume. Deprecated.")),
  downwardAPI: pointer(object(16, downwardAPIVolumeSourceSchema, "Fields of the pod as files.")),
  fc: pointer(object(17, fcVolumeSourceSchema, "A Fibre Channel disk.")),
  azureFile: pointer(object(18, azureFileVolumeSourceSchema, "An Azure file share. Deprecated.")),
  configMap: pointer(object(19, configMapVolumeSourceSchema, "A ConfigMap as files.")),
  vsphereVolume: pointer(object(20, vsphereVirtualDiskVolumeSourceSchema, "A vSphere volume. Deprecated.")),
  quobyte: pointer(object(21, quobyteVolumeSourceSchema, "A Quobyte mount. Deprecated.")),
  azureDisk: pointer(object(22, azureDiskVolumeSourceSchema, "An Azure data disk. Deprecated.")),
  photonPersistentDisk: pointer(
    object(23, photonPersistentDiskVolumeSourceSchema, "A Photon disk. Deprecated."),
  ),
  projected: pointer(object(26, projectedVolumeSourceSchema, "Several sources in one directory.")),
  portworxVolume: pointer(object(24, portworxVolumeSourceSchema, "A Portworx volume. Deprecated.")),
  scaleIO: pointer(object(25, scaleIOVolumeSourceSchema, "A ScaleIO volume. Deprecated.")),
  storageos: pointer(object(27, storageOSVolumeSourceSchema, "A StorageOS volume. Deprecated.")),
  csi: pointer(object(28, csiVolumeSourceSchema, "A volume of a CSI driver.")),
  ephemeral: pointer(
    object(29, ephemeralVolumeSourceSchema, "A persistent volume that lives as long as the pod."),
  ),
  image: pointer(object(30, imageVolumeSourceSchema, "A container image's files.")),
};

export const volumeSchema: ObjectSchema<Volume> = objectSchema(
  "io.k8s.api.core.v1.Volume",
  "A directory that containers may mount.",
  {
    name: required(string(1, "The volume's name, a DNS label, unique in the pod.")),
    ...inline(2, volumeSourceFields),
  },
);
