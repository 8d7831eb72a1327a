/**
 * The parts of Kubernetes objects that we read, as the API server writes them in JSON (times are text). Fields follow the API
 * reference of Kubernetes 1.34; every one may be missing unless the API guarantees it.
 */
export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid: string;
  resourceVersion?: string;
  /** Of the wanted state: each change of it counts one more. */
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  /** Finalizers: components that must release it before it is deleted. */
  finalizers?: string[];
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: { kind: string; name: string; uid: string; controller?: boolean }[];
}

export interface ContainerStateWaiting {
  reason?: string;
  message?: string;
}

export interface ContainerStateTerminated {
  exitCode: number;
  signal?: number;
  reason?: string;
  message?: string;
  startedAt?: string;
  finishedAt?: string;
}

export interface ContainerState {
  waiting?: ContainerStateWaiting;
  running?: { startedAt?: string };
  terminated?: ContainerStateTerminated;
}

export interface ContainerStatus {
  name: string;
  ready: boolean;
  restartCount: number;
  image: string;
  imageID: string;
  /** `containerd://…`, of the instance that `state` is about. */
  containerID?: string;
  state?: ContainerState;
  lastState?: ContainerState;
}

export interface Container {
  name: string;
  image?: string;
  command?: string[];
  args?: string[];
  restartPolicy?: string;
  resources?: { limits?: Record<string, string>; requests?: Record<string, string> };
  ports?: { name?: string; containerPort: number; protocol?: string; hostPort?: number }[];
  readinessProbe?: object;
}

export interface PodCondition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
}

export interface Toleration {
  key?: string;
  operator?: string;
  value?: string;
  effect?: string;
}

export interface Taint {
  key: string;
  value?: string;
  effect: string;
}

export interface Pod {
  metadata: ObjectMeta;
  spec: {
    nodeName?: string;
    containers: Container[];
    initContainers?: Container[];
    restartPolicy?: string;
    nodeSelector?: Record<string, string>;
    affinity?: object;
    tolerations?: Toleration[];
    overhead?: Record<string, string>;
    volumes?: { name: string; persistentVolumeClaim?: { claimName: string } }[];
  };
  status?: {
    phase?: string;
    reason?: string;
    message?: string;
    startTime?: string;
    conditions?: PodCondition[];
    containerStatuses?: ContainerStatus[];
    initContainerStatuses?: ContainerStatus[];
  };
}

export interface Job {
  metadata: ObjectMeta;
  spec?: { backoffLimit?: number; completions?: number; parallelism?: number };
  status?: { active?: number; succeeded?: number; failed?: number; conditions?: PodCondition[] };
}

/** What a ReplicaSet, a StatefulSet, a Deployment and a DaemonSet have in common. */
export interface Workload {
  metadata: ObjectMeta;
  spec?: {
    replicas?: number;
    template?: { metadata?: { labels?: Record<string, string> } };
    updateStrategy?: { type?: string; rollingUpdate?: { partition?: number } };
  };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    readyReplicas?: number;
    updatedReplicas?: number;
    availableReplicas?: number;
    conditions?: PodCondition[];
    /** Of a StatefulSet. */
    currentRevision?: string;
    updateRevision?: string;
    /** Of a DaemonSet. */
    desiredNumberScheduled?: number;
    updatedNumberScheduled?: number;
    numberAvailable?: number;
  };
}

export interface Claim {
  metadata: ObjectMeta;
  spec?: { storageClassName?: string; accessModes?: string[]; resources?: { requests?: Record<string, string> } };
  status?: { phase?: string };
}

export interface Service {
  metadata: ObjectMeta;
  spec?: {
    type?: string;
    clusterIP?: string;
    selector?: Record<string, string>;
    ports?: { name?: string; port: number; protocol?: string; targetPort?: number | string }[];
  };
}

export interface EndpointSlice {
  metadata: ObjectMeta;
  endpoints?: { addresses: string[]; conditions?: { ready?: boolean } }[] | null;
  ports?: { name?: string; port?: number; protocol?: string }[] | null;
}

export interface Node {
  metadata: ObjectMeta;
  spec?: { providerID?: string; taints?: Taint[]; unschedulable?: boolean };
  status?: {
    conditions?: PodCondition[];
    allocatable?: Record<string, string>;
    nodeInfo?: { kubeletVersion: string };
  };
}

/** `core/v1` Event. */
export interface ClusterEvent {
  metadata: ObjectMeta;
  type?: string;
  reason?: string;
  message?: string;
  count?: number;
  firstTimestamp?: string | null;
  lastTimestamp?: string | null;
  eventTime?: string | null;
  involvedObject: { kind?: string; name?: string; uid?: string; fieldPath?: string };
}
