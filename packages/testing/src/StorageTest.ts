/**
 * What every `Storage` must keep: one case per promise on the contract, for authors of adapters.
 *
 * Give it a way to make new disks; the suite starts nodes on them, kills them, and starts them again. What is found
 * then is compared with `Recovery`, the meaning of a write as a pure function, and the payloads byte by byte. The suite
 * cannot cut the power: that an acknowledged write survives this is for the adapter's own tests to show.
 *
 * ```ts
 * StorageTest.suite("MyStorage", Effect.map(temporaryDirectory, (directory) => MyStorage.layer({ directory })))
 * ```
 *
 * @since 0.1.0
 */
import { describe } from "@effect/vitest"
import { adoptionCases, meanwhileCases, readingCases } from "./internal/StorageAdopting.ts"
import * as Damage from "./internal/StorageDamage.ts"
import { deathCases } from "./internal/StorageDying.ts"
import type * as Life from "./internal/StorageLife.ts"
import { boundaryCases, growthCases, truncationCases } from "./internal/StorageLogs.ts"
import { foundCases, lostCases } from "./internal/StorageMemberships.ts"
import { openCases } from "./internal/StorageOpening.ts"
import { boundsCases, payloadCases } from "./internal/StorageReading.ts"
import { chunkCases, endingCases, installCases, refusalCases } from "./internal/StorageReceiving.ts"
import { growingCases, interruptedCases, stagingCases, takingCases } from "./internal/StorageSnapshots.ts"
import { hardStateCases, orderCases } from "./internal/StorageWriting.ts"

/**
 * Makes a new, empty disk and yields a layer that opens it. The layer is built again and again, one node after the
 * other, and sometimes two at once; the disk may go when the scope closes.
 *
 * @category models
 * @since 0.1.0
 */
export type MakeDisk<E> = Life.MakeDisk<E>

/**
 * Declares the cases under `name`.
 *
 * @category testing
 * @since 0.1.0
 */
export const suite = <E>(name: string, makeDisk: MakeDisk<E>): void => {
  describe(`${name} as Storage`, () => {
    openCases(makeDisk)
    hardStateCases(makeDisk)
    orderCases(makeDisk)
    growthCases(makeDisk)
    truncationCases(makeDisk)
    boundaryCases(makeDisk)
    foundCases(makeDisk)
    lostCases(makeDisk)
    boundsCases(makeDisk)
    payloadCases(makeDisk)
    takingCases(makeDisk)
    stagingCases(makeDisk)
    interruptedCases(makeDisk)
    growingCases(makeDisk)
    adoptionCases(makeDisk)
    meanwhileCases(makeDisk)
    readingCases(makeDisk)
    chunkCases(makeDisk)
    endingCases(makeDisk)
    refusalCases(makeDisk)
    installCases(makeDisk)
    deathCases(makeDisk)
  })
}

/**
 * Makes a new, empty disk: the layer that opens it, as for `suite`, and a way to damage what was written with an entry, while
 * no layer has it open.
 *
 * @category models
 * @since 0.1.0
 */
export type MakeDamageableDisk<E> = Damage.MakeDamageableDisk<E>

/**
 * Declares the cases of a storage that tells damage from the end of its log, and reports it as `damaged`. One that refuses
 * such a disk with `Corrupt` keeps the contract too, and has no use for these.
 *
 * @category testing
 * @since 0.1.0
 */
export const damageSuite = <E>(name: string, makeDisk: MakeDamageableDisk<E>): void => {
  Damage.damageCases(name, makeDisk)
}
