/** A replicated counter. */
console.log("@effect-raft/example-counter")
