/** A key-value store on three processes. */
console.log("@effect-raft/example-kv")
