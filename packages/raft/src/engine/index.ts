/**
 * The engine by itself: Raft as a pure function, without Effect's runtime, for a browser, a model checker
 * or a driver of one's own.
 *
 * @since 0.1.0
 */
export * as Chance from "./Chance.ts"
export * as Commit from "./Commit.ts"
export * as Describe from "./Describe.ts"
export * as Durability from "./Durability.ts"
export * as Engine from "./Engine.ts"
export * as Explain from "./Explain.ts"
export * as Input from "./Input.ts"
export * as Invariants from "./Invariants.ts"
export * as LastResort from "./LastResort.ts"
export * as Log from "./Log.ts"
export * as LogPosition from "./LogPosition.ts"
export * as Membership from "./Membership.ts"
export * as Message from "./Message.ts"
export * as Next from "./Next.ts"
export * as Output from "./Output.ts"
export * as Progress from "./Progress.ts"
export * as Quorum from "./Quorum.ts"
export * as Settings from "./Settings.ts"
export * as Sizes from "./Sizes.ts"
export * as State from "./State.ts"
export * as Step from "./Step.ts"
