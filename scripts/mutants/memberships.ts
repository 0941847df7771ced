/** Rules of memberships: what a majority is while it changes, and what may change when. */
import { engineFile as file, type Mutant } from "./Mutant.ts"

export const memberships: ReadonlyArray<Mutant> = [
  {
    name: "joint-decided-by-the-new-alone",
    file: file("Quorum"),
    find: "membership.outgoing.length === 0 ? incoming : Math.min(incoming, median(membership.outgoing, valueOf))",
    replace: "incoming",
    removes: "needs a majority of the old membership, too"
  },
  {
    name: "joint-decided-by-the-old-alone",
    file: file("Quorum"),
    find: "Math.min(incoming, median(membership.outgoing, valueOf))",
    replace: "median(membership.outgoing, valueOf)",
    removes: "needs a majority of the new membership, too"
  },
  {
    name: "learner-counts",
    file: file("Quorum"),
    find: "const incoming = median(membership.voters, valueOf)",
    replace: "const incoming = median(membership.members.map(({ id }) => id), valueOf)",
    removes: "counts voters only"
  },
  {
    name: "membership-in-one-step",
    file: file("Membership"),
    find: "return { ...next, outgoing: current.voters, departing }",
    replace: "return { ...next, outgoing: [], departing: [] }",
    removes: "goes from one membership to another by way of both"
  },
  {
    name: "next-step-before-the-own-term-commits",
    file: file("Reconfiguration"),
    find: "Log.membershipIndex(log) <= commit && role.since <= commit",
    replace: "Log.membershipIndex(log) <= commit",
    removes: "changes nothing before an entry of its own term is committed"
  },
  {
    name: "next-step-before-the-last-commits",
    file: file("Reconfiguration"),
    find: "Log.membershipIndex(log) <= commit && role.since <= commit",
    replace: "role.since <= commit",
    removes: "waits until the last membership is committed"
  },
  {
    name: "change-in-a-term-that-has-only-begun",
    file: file("Reconfiguration"),
    find: `  if (role.since > commit) return "the leader's term has only begun"\n`,
    replace: "",
    removes: "refuses a change before an entry of its own term is committed"
  },
  {
    name: "two-changes-at-a-time",
    file: file("Reconfiguration"),
    find: "const isFree = isSettled(state) || Membership.isRecorded(Log.previousMembership(log), Log.membership(log))",
    replace: "const isFree = true",
    removes: "refuses a change while another is under way"
  },
  {
    name: "change-of-what-nobody-saw",
    file: file("Reconfiguration"),
    find: "if (expected !== undefined && !isInForce(state.log, expected)) {",
    replace: "if (expected !== undefined && expected < 0) {",
    removes: "refuses a change that was meant for another membership"
  },
  {
    name: "removed-leader-goes-too-early",
    file: file("Reconfiguration"),
    find: "if (!isLeader(state) || !isSettled(state)) return next(state)\n  return Membership.isVoter",
    replace: "if (!isLeader(state)) return next(state)\n  return Membership.isVoter",
    removes: "leads until its own removal is committed"
  },
  {
    name: "removed-leader-stays",
    file: file("Reconfiguration"),
    find: "return Membership.isVoter(Log.membership(state.log), state.id) ? next(state) : Roles.stepDown(state)",
    replace: "return next(state)",
    removes: "steps down once it is no voter"
  },
  {
    name: "promoted-before-it-has-caught-up",
    file: file("Reconfiguration"),
    find: "isPromoting(each) && Progress.hasCaughtUp(each, now, electionTimeout)",
    replace: "isPromoting(each)",
    removes: "waits until a learner has caught up"
  },
  {
    name: "new-voter-counts-as-silent",
    file: file("Reconfiguration"),
    find: "heardAt: isNewVoter(each.id) ? state.now : each.heardAt",
    replace: "heardAt: each.heardAt",
    removes: "takes a new voter for heard when it begins to vote"
  },
  {
    name: "removed-members-are-let-go-at-once",
    file: file("Reconfiguration"),
    find: "servedUntil: each.servedUntil ?? Number.POSITIVE_INFINITY",
    replace: "servedUntil: Number.NEGATIVE_INFINITY",
    removes: "serves whoever was removed until it has heard of it"
  },
  {
    name: "disks-are-not-written-down",
    file: file("Reconfiguration"),
    find: "return isKnown && isTime ? adopt",
    replace: "return isKnown && !isTime ? adopt",
    removes: "writes down the disks of members"
  },
  {
    name: "truncated-membership-stays-in-force",
    file: file("Log"),
    find: "memberships: log.memberships.filter((entry) => entry.index <= index),",
    replace: "memberships: log.memberships,",
    removes: "takes back a membership with its entry"
  },
  {
    name: "removed-leader-cannot-stand",
    file: file("Roles"),
    find: "return Log.membershipIndex(log) > commit && Membership.isVoter(Log.previousMembership(log), id)",
    replace: "return false",
    removes: "lets whoever is voted out stand while that is not committed"
  },
  {
    name: "removed-node-stands-for-ever",
    file: file("Roles"),
    find: "return Log.membershipIndex(log) > commit && Membership.isVoter(Log.previousMembership(log), id)",
    replace: "return Membership.isVoter(Log.previousMembership(log), id)",
    removes: "keeps whoever was voted out from elections once that is committed"
  },
  {
    name: "nobody-has-as-much-as-a-witness",
    file: file("Replication"),
    find: "if (Membership.mayLead(membership, id)) return log.last",
    replace: "if (id !== state.id) return log.last",
    removes: "sends to those who never lead only what someone who may lead has on its disk"
  },
  {
    name: "witness-turns-into-a-member",
    file: file("Membership"),
    find: "return fault(target) ?? unlike(current, target) ?? enter(current, target)",
    replace: "return fault(target) ?? enter(current, target)",
    removes: "refuses to make a member of a witness, or the reverse"
  }
]
