/** v1 Pod: volumes. */
import type { LabelSelector, ObjectMeta, Quantity } from "../meta/type.ts";
import type {
  LocalObjectReference,
  ObjectFieldSelector,
  ResourceFieldSelector,
  TypedLocalObjectReference,
  TypedObjectReference,
} from "./reference-type.ts";
import type {
  AWSElasticBlockStoreVolumeSource,
  AzureDiskVolumeSource,
  AzureFileVolumeSource,
  CephFSVolumeSource,
  CinderVolumeSource,
  FCVolumeSource,
  FlexVolumeSource,
  FlockerVolumeSource,
  GCEPersistentDiskVolumeSource,
  GitRepoVolumeSource,
  GlusterfsVolumeSource,
  ISCSIVolumeSource,
  PhotonPersistentDiskVolumeSource,
  PortworxVolumeSource,
  QuobyteVolumeSource,
  RBDVolumeSource,
  ScaleIOVolumeSource,
  StorageOSVolumeSource,
  VsphereVirtualDiskVolumeSource,
} from "./volume-plugin-type.ts";

/** A directory that containers may mount. */
export interface Volume extends VolumeSource {
  /** The volume's name, a DNS label, unique in the pod. */
  name: string;
}

/** Where a volume comes from: exactly one of these. */
export interface VolumeSource {
  /** A path of the node. */
  hostPath?: HostPathVolumeSource;
  /** An empty directory that lives as long as the pod. */
  emptyDir?: EmptyDirVolumeSource;
  /** A GCE persistent disk. Deprecated. */
  gcePersistentDisk?: GCEPersistentDiskVolumeSource;
  /** An AWS EBS volume. Deprecated. */
  awsElasticBlockStore?: AWSElasticBlockStoreVolumeSource;
  /** A git repository. Deprecated. */
  gitRepo?: GitRepoVolumeSource;
  /** A Secret as files. */
  secret?: SecretVolumeSource;
  /** An NFS export. */
  nfs?: NFSVolumeSource;
  /** An iSCSI disk. */
  iscsi?: ISCSIVolumeSource;
  /** A GlusterFS volume. Deprecated. */
  glusterfs?: GlusterfsVolumeSource;
  /** A claim to a persistent volume. */
  persistentVolumeClaim?: PersistentVolumeClaimVolumeSource;
  /** A Ceph block device. Deprecated. */
  rbd?: RBDVolumeSource;
  /** A volume of an exec plugin. Deprecated. */
  flexVolume?: FlexVolumeSource;
  /** An OpenStack Cinder volume. Deprecated. */
  cinder?: CinderVolumeSource;
  /** A CephFS mount. Deprecated. */
  cephfs?: CephFSVolumeSource;
  /** A Flocker volume. Deprecated. */
  flocker?: FlockerVolumeSource;
  /** Fields of the pod as files. */
  downwardAPI?: DownwardAPIVolumeSource;
  /** A Fibre Channel disk. */
  fc?: FCVolumeSource;
  /** An Azure file share. Deprecated. */
  azureFile?: AzureFileVolumeSource;
  /** A ConfigMap as files. */
  configMap?: ConfigMapVolumeSource;
  /** A vSphere volume. Deprecated. */
  vsphereVolume?: VsphereVirtualDiskVolumeSource;
  /** A Quobyte mount. Deprecated. */
  quobyte?: QuobyteVolumeSource;
  /** An Azure data disk. Deprecated. */
  azureDisk?: AzureDiskVolumeSource;
  /** A Photon disk. Deprecated. */
  photonPersistentDisk?: PhotonPersistentDiskVolumeSource;
  /** Several sources in one directory. */
  projected?: ProjectedVolumeSource;
  /** A Portworx volume. Deprecated. */
  portworxVolume?: PortworxVolumeSource;
  /** A ScaleIO volume. Deprecated. */
  scaleIO?: ScaleIOVolumeSource;
  /** A StorageOS volume. Deprecated. */
  storageos?: StorageOSVolumeSource;
  /** A volume of a CSI driver. */
  csi?: CSIVolumeSource;
  /** A persistent volume that lives as long as the pod. */
  ephemeral?: EphemeralVolumeSource;
  /** A container image's files. */
  image?: ImageVolumeSource;
}

/** A path of the node. */
export interface HostPathVolumeSource {
  /** The path. */
  path: string;
  /** What must be at the path. */
  type?: string;
}

/** An empty directory. */
export interface EmptyDirVolumeSource {
  /** Where it is kept: the node's default, Memory, or HugePages. */
  medium?: string;
  /** The most it may hold. */
  sizeLimit?: Quantity;
}

/** A Secret as files. */
export interface SecretVolumeSource {
  /** The Secret's name. */
  secretName?: string;
  /** The keys to use and their paths; all if empty. */
  items?: KeyToPath[];
  /** The files' mode. */
  defaultMode?: number;
  /** Whether it may be missing. */
  optional?: boolean;
}

/** A ConfigMap as files. */
export interface ConfigMapVolumeSource extends LocalObjectReference {
  /** The keys to use and their paths; all if empty. */
  items?: KeyToPath[];
  /** The files' mode. */
  defaultMode?: number;
  /** Whether it may be missing. */
  optional?: boolean;
}

/** A key and the file it becomes. */
export interface KeyToPath {
  /** The key. */
  key: string;
  /** The path. */
  path: string;
  /** The file's mode. */
  mode?: number;
}

/** Fields of the pod as files. */
export interface DownwardAPIVolumeSource {
  /** The keys to use and their paths; all if empty. */
  items?: DownwardAPIVolumeFile[];
  /** The files' mode. */
  defaultMode?: number;
}

/** A file made of a field of the pod. */
export interface DownwardAPIVolumeFile {
  /** The path. */
  path: string;
  /** A field of the pod. */
  fieldRef?: ObjectFieldSelector;
  /** A resource of a container. */
  resourceFieldRef?: ResourceFieldSelector;
  /** The file's mode. */
  mode?: number;
}

/** Several sources in one directory. */
export interface ProjectedVolumeSource {
  /** The sources. */
  sources: VolumeProjection[];
  /** The files' mode. */
  defaultMode?: number;
}

/** One source of a projected volume. */
export interface VolumeProjection {
  /** A Secret. */
  secret?: SecretProjection;
  /** Fields of the pod. */
  downwardAPI?: DownwardAPIProjection;
  /** A ConfigMap. */
  configMap?: ConfigMapProjection;
  /** A token of the pod's account. */
  serviceAccountToken?: ServiceAccountTokenProjection;
  /** Trusted certificates. */
  clusterTrustBundle?: ClusterTrustBundleProjection;
  /** A key and its certificate. Dropped, as with the gate PodCertificateRequest off. */
  podCertificate?: PodCertificateProjection;
}

/** A private key and the certificate that a signer gives for it, as files. */
export interface PodCertificateProjection {
  signerName?: string;
  /** RSA3072, RSA4096, ECDSAP256, ECDSAP384, ECDSAP521 or ED25519. */
  keyType?: string;
  maxExpirationSeconds?: number;
  credentialBundlePath?: string;
  keyPath?: string;
  certificateChainPath?: string;
}

/** A Secret as files. */
export interface SecretProjection extends LocalObjectReference {
  /** The keys to use and their paths; all if empty. */
  items?: KeyToPath[];
  /** Whether it may be missing. */
  optional?: boolean;
}

/** A ConfigMap as files. */
export interface ConfigMapProjection extends LocalObjectReference {
  /** The keys to use and their paths; all if empty. */
  items?: KeyToPath[];
  /** Whether it may be missing. */
  optional?: boolean;
}

/** Fields of the pod as files. */
export interface DownwardAPIProjection {
  /** The keys to use and their paths; all if empty. */
  items?: DownwardAPIVolumeFile[];
}

/** A token of the pod's account. */
export interface ServiceAccountTokenProjection {
  /** Who the token is for. */
  audience?: string;
  /** Seconds that the token is good for. */
  expirationSeconds?: number;
  /** The path. */
  path: string;
}

/** Trusted certificates. */
export interface ClusterTrustBundleProjection {
  /** The name. */
  name?: string;
  /** The signer. */
  signerName?: string;
  /** The bundles, by label. */
  labelSelector?: LabelSelector;
  /** Whether it may be missing. */
  optional?: boolean;
  /** The path. */
  path: string;
}

/** A claim to a persistent volume. */
export interface PersistentVolumeClaimVolumeSource {
  /** The claim's name. */
  claimName: string;
  /** Whether it is read-only. */
  readOnly?: boolean;
}

/** A persistent volume that lives as long as the pod. */
export interface EphemeralVolumeSource {
  /** The claim that is made. */
  volumeClaimTemplate?: PersistentVolumeClaimTemplate;
}

/** The claim that is made. */
export interface PersistentVolumeClaimTemplate {
  /** Labels and annotations of the claim. */
  metadata?: ObjectMeta;
  /** What is claimed. */
  spec: PersistentVolumeClaimSpec;
}

/** What is claimed. */
export interface PersistentVolumeClaimSpec {
  /** How the volume may be mounted. */
  accessModes?: string[];
  /** The volumes to choose from. */
  selector?: LabelSelector;
  /** The size. */
  resources?: VolumeResourceRequirements;
  /** The volume's name. */
  volumeName?: string;
  /** The storage class. */
  storageClassName?: string;
  /** Filesystem or Block. */
  volumeMode?: string;
  /** What it is filled from. */
  dataSource?: TypedLocalObjectReference;
  /** What it is filled from, of any kind. */
  dataSourceRef?: TypedObjectReference;
  /** The class of its attributes. */
  volumeAttributesClassName?: string;
}

/** The size of a volume. */
export interface VolumeResourceRequirements {
  /** The most that may be used. */
  limits?: Record<string, Quantity>;
  /** What is set aside. */
  requests?: Record<string, Quantity>;
}

/** An NFS export. */
export interface NFSVolumeSource {
  /** The server. */
  server: string;
  /** The path. */
  path: string;
  /** Whether it is read-only. */
  readOnly?: boolean;
}

/** A volume of a CSI driver. */
export interface CSIVolumeSource {
  /** The driver's name. */
  driver: string;
  /** Whether it is read-only. */
  readOnly?: boolean;
  /** The type of file system. */
  fsType?: string;
  /** Attributes for the driver. */
  volumeAttributes?: Record<string, string>;
  /** A Secret for the driver. */
  nodePublishSecretRef?: LocalObjectReference;
}

/** A container image's files. */
export interface ImageVolumeSource {
  /** The image. */
  reference?: string;
  /** When it is pulled. */
  pullPolicy?: string;
}
