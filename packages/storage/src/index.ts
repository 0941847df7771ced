/**
 * Durable storage for effect-raft.
 *
 * @since 0.1.0
 */
export * as FileStorage from "./FileStorage.ts"
