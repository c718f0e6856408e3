import EtcdClient
import Logging
import ServiceLifecycle

/// Lets one with a larger priority be the master, beside an ``ElectionService``: it shows ``Preemption``
/// what is there, and does what it says.
public struct PreemptionService: Service {
  private let key: any LeasedKey
  private let bidKey: String
  private let board: ElectionBoard
  private let own: Bid
  private let delay: Duration
  private let logger: Logger

  /// - Parameters:
  ///   - key: the lock key's store.
  ///   - name: the lock key's, `--key`; the bid's follows from it.
  ///   - board: of the election that is to be influenced.
  ///   - own: what we would bid; with a priority of 0 or less we only give way to others.
  ///   - delay: how long we follow before we bid.
  public init(
    key: any LeasedKey, name: String, board: ElectionBoard, own: Bid, delay: Duration,
    logger: Logger
  ) {
    self.key = key
    self.bidKey = Bid.key(for: name)
    self.board = board
    self.own = own
    self.delay = delay
    self.logger = logger
  }

  /// Looks once per period until it is asked to stop.
  public func run() async throws {
    await cancelWhenGracefulShutdown {
      var preemption = Preemption(own: self.own, delay: self.delay)
      while (try? await Task.sleep(for: self.own.period * .random(in: 0.9...1.1))) != nil {
        await self.look(&preemption)
      }
    }
  }

  private func look(_ preemption: inout Preemption) async {
    let (status, now) = self.board.look()
    let role = status.snapshot.role
    do throws(EtcdClientError) {
      var found: (bid: Bid?, index: UInt64)?
      if preemption.wantsToLook(as: role),
        case .found(let value, let index) = try await self.key.sideValue(self.bidKey).fact
      {
        found = (Bid(json: value), index)
      }
      switch preemption.look(found, as: role, at: now) {
      case .nothing: break
      case .bid(let bid, let index):
        // Should another one have been faster, we see its bid the next time.
        _ = try await self.key.setSideValue(
          self.bidKey, to: bid.json, if: index.map { .ifIndex($0) } ?? .ifAbsent)
      case .yield(let bid, let duration):
        self.logger.info(
          "one with a larger priority wants the lock",
          metadata: [
            "priority": "\(bid.priority)", "who": "\(bid.candidate.name)",
            "ours": "\(self.own.priority)",
          ])
        self.board.stepDown(for: duration)
      }
    } catch {
      // The election says what is wrong with the store.
      self.logger.debug("cannot look for bids", metadata: ["reason": "\(error.description)"])
    }
  }
}

extension Election.Snapshot {
  fileprivate var role: Preemption.Role {
    if self.leads { return .leader }
    return self.leader != nil && !self.isSteppedDown && self.standsBackFor == nil
      ? .follower : .bystander
  }
}
