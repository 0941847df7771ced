/**
 * A Raft framework for Effect: replicated, typed services inside your application.
 *
 * @since 0.1.0
 */
export * as Entries from "./Entries.ts"
export * as MemoryNetwork from "./MemoryNetwork.ts"
export * as MemoryStorage from "./MemoryStorage.ts"
export * as Raft from "./Raft.ts"
export * as RaftConfig from "./RaftConfig.ts"
export * as RaftError from "./RaftError.ts"
export * as Replicated from "./Replicated.ts"
export * as StateMachine from "./StateMachine.ts"
export * as Storage from "./Storage.ts"
export * as Transport from "./Transport.ts"
