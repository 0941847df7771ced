/** Every mutant, in the order of the report. */
import { driver } from "./driver.ts"
import { elections } from "./elections.ts"
import { memberships } from "./memberships.ts"
import type { Mutant } from "./Mutant.ts"
import { reads } from "./reads.ts"
import { replication } from "./replication.ts"
import { snapshots } from "./snapshots.ts"
import { storage } from "./storage.ts"
import { transport } from "./transport.ts"

export const mutants: ReadonlyArray<Mutant> = [
  ...elections,
  ...replication,
  ...reads,
  ...memberships,
  ...snapshots,
  ...driver,
  ...storage,
  ...transport
]
