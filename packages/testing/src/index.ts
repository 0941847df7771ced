/**
 * The test kit of effect-raft: for its own tests, for adapters, and for services built on it.
 *
 * The suites for adapter authors need Vitest and are imported by their own names, `@effect-raft/testing/StorageTest`
 * and `@effect-raft/testing/TransportTest`.
 *
 * @since 0.1.0
 */
export * as ClusterInvariants from "./ClusterInvariants.ts"
export * as History from "./History.ts"
export * as Linearizability from "./Linearizability.ts"
export * as Model from "./Model.ts"
export * as ModelCheck from "./ModelCheck.ts"
export * as ModelConfigurations from "./ModelConfigurations.ts"
export * as Models from "./Models.ts"
export * as Nemesis from "./Nemesis.ts"
export * as Operation from "./Operation.ts"
export * as Script from "./Script.ts"
export * as Simulation from "./Simulation.ts"
export * as TestCluster from "./TestCluster.ts"
export * as Trace from "./Trace.ts"
