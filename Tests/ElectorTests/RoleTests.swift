import EtcdClient
import Testing

@testable import Elector

private let lease = Lease(
  holder: Holder(name: "me", term: 10, modifiedIndex: 12), sentAt: Instant(.seconds(1)))
private let other = Holder(name: "other", term: 20, modifiedIndex: 20)
private let wonAt = Instant(.seconds(2))

/// Where each role goes.
@Suite struct RoleTests {
  private static let withLease: [Role] = [
    .winner(lease, since: wonAt), .leader(lease), .doubtful(lease, since: wonAt),
    .doubtful(lease, since: nil),
  ]

  private static let roles: [Role] =
    [.candidate(isKeyAbsent: false), .candidate(isKeyAbsent: true), .follower(other)] + withLease

  @Test func aDoubtKeepsTheLeaseAndEndsWhenTheKeyIsOurs() {
    for (role, doubtful) in [
      (Role.winner(lease, since: wonAt), Role.doubtful(lease, since: wonAt)),
      (.leader(lease), .doubtful(lease, since: nil)),
    ] {
      var changed = role
      changed.doubt()
      #expect(changed == doubtful)
      #expect(changed.key == .unknown && changed.lease == lease)
      changed.hold(lease)
      #expect(changed == role)
    }
    var follower = Role.follower(other)
    follower.doubt()
    #expect(follower == .candidate(isKeyAbsent: false))
  }

  @Test func aRecordOpensATermAlsoInDoubt() {
    var (winner, doubtful) = (Role.winner(lease, since: wonAt), Role.doubtful(lease, since: wonAt))
    winner.open()
    doubtful.open()
    #expect(winner == .leader(lease))
    #expect(doubtful == .doubtful(lease, since: nil))
  }

  @Test(arguments: withLease) private func aLostLeaseEndsGivingItAway(_ role: Role) {
    var yielding = role
    yielding.yield(for: .steppedDown)
    #expect(yielding == .yielding(role, .steppedDown))
    #expect(!yielding.contends && yielding.lease == lease)
    // A second reason changes nothing.
    yielding.yield(for: .podFails(reason: "x"))
    #expect(yielding == .yielding(role, .steppedDown))
    yielding.follow(.held(other))
    #expect(yielding == .follower(other))
  }

  @Test(arguments: roles) private func aStopKeepsWhatIsKnownAndLeadsToNoOtherRole(_ role: Role) {
    var stopping = role
    stopping.yield(for: .steppedDown)
    #expect((stopping == role) == (role.lease == nil), "without a lease nothing is given away")
    stopping.stop(.awaitingPod)
    #expect(stopping == .stopping(.awaitingPod, role))
    #expect(stopping.lease == role.lease && stopping.key == role.key)
    stopping.win(lease, at: wonAt)
    stopping.hold(lease)
    stopping.open()
    #expect(stopping == .stopping(.awaitingPod, .leader(lease)))
    stopping.follow(.absent)
    #expect(stopping == .stopping(.awaitingPod, .candidate(isKeyAbsent: true)))
    stopping.stop(.finished(.clean))
    #expect(stopping.isFinished)
  }
}
