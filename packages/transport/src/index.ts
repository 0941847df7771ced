/**
 * Transports for effect-raft.
 *
 * @since 0.1.0
 */
export * as TcpOptions from "./TcpOptions.ts"
export * as TcpTransport from "./TcpTransport.ts"
