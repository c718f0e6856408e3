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
    Role(standing: .winner(lease, since: wonAt)), Role(standing: .leader(lease)),
    Role(standing: .doubtful(lease, since: wonAt)), Role(standing: .doubtful(lease, since: nil)),
  ]

  private static let roles: [Role] =
    [
      Role(standing: .candidate(isKeyAbsent: false)), Role(standing: .candidate(isKeyAbsent: true)),
      Role(standing: .follower(other)),
    ] + withLease

  @Test func aDoubtKeepsTheLeaseAndEndsWhenTheKeyIsOurs() {
    for (standing, doubtful) in [
      (Role.Standing.winner(lease, since: wonAt), Role.Standing.doubtful(lease, since: wonAt)),
      (.leader(lease), .doubtful(lease, since: nil)),
    ] {
      var role = Role(standing: standing)
      role.doubt()
      #expect(role.standing == doubtful)
      #expect(role.key == .unknown && role.lease == lease)
      role.hold(lease)
      #expect(role.standing == standing)
    }
    var follower = Role(standing: .follower(other))
    follower.doubt()
    #expect(follower.standing == .candidate(isKeyAbsent: false))
  }

  @Test func aRecordOpensATermAlsoInDoubt() {
    for (standing, opened) in [
      (Role.Standing.winner(lease, since: wonAt), Role.Standing.leader(lease)),
      (.doubtful(lease, since: wonAt), .doubtful(lease, since: nil)),
    ] {
      var role = Role(standing: standing)
      role.open()
      #expect(role.standing == opened)
    }
  }

  @Test(arguments: withLease) private func aLostLeaseEndsGivingItAway(_ role: Role) {
    var yielding = role
    yielding.yield(for: .steppedDown)
    #expect(yielding == Role(standing: role.standing, leaving: .yielding(.steppedDown)))
    #expect(!yielding.contends && yielding.lease == lease)
    // A second reason changes nothing.
    yielding.yield(for: .podFails(reason: "x"))
    #expect(yielding == Role(standing: role.standing, leaving: .yielding(.steppedDown)))
    yielding.follow(.held(other))
    #expect(yielding == Role(standing: .follower(other)))
  }

  @Test(arguments: roles) private func aStopKeepsWhatIsKnownAndLeadsToNoOtherRole(_ role: Role) {
    var stopping = role
    stopping.yield(for: .steppedDown)
    #expect((stopping == role) == (role.lease == nil), "without a lease nothing is given away")
    stopping.stop(.awaitingPod)
    #expect(stopping == Role(standing: role.standing, leaving: .stopping(.awaitingPod)))
    stopping.win(lease, at: wonAt)
    stopping.hold(lease)
    stopping.open()
    #expect(stopping == Role(standing: .leader(lease), leaving: .stopping(.awaitingPod)))
    stopping.follow(.absent)
    #expect(stopping.standing == .candidate(isKeyAbsent: true) && stopping.stop == .awaitingPod)
    stopping.stop(.finished(.clean))
    #expect(stopping.isFinished)
  }
}
