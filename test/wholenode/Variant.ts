/**
 * Another way in which a node may be built: as it should not be. What finds nothing wrong with these finds nothing.
 */
import type * as Raft from "effect-raft/Raft"
import type { Storage } from "effect-raft/Storage"
import type { Transport } from "effect-raft/Transport"
import type { FaultyDisk } from "./FaultyDisk.ts"
import type { SkewedClock } from "./SkewedClock.ts"
import type { Watch } from "./Watch.ts"
import type * as Wire from "./Wire.ts"

export interface Variant {
  readonly onDisk?: (disk: FaultyDisk) => void
  readonly onWatch?: (watch: Watch) => void
  readonly onClock?: (clock: SkewedClock) => void
  readonly storage?: (storage: Storage["Service"]) => Storage["Service"]
  readonly raft?: (raft: Raft.Raft["Service"]) => Raft.Raft["Service"]
  readonly transport?: (transport: Transport["Service"]) => Transport["Service"]
  readonly codec?: Wire.Codec
}

/** As it should be. */
export const sound: Variant = {}
