import EtcdClient
import Logging
import ServiceLifecycle

/// Carries out what ``Preemption`` decides, beside an ``ElectionService``.
package struct PreemptionService: Service {
  private let key: any LeasedKey
  private let bidKey: String
  private let board: ElectionBoard
  private let own: Bid
  private let delay: Duration
  private let logger: Logger

  /// - Parameters:
  ///   - key: the lock key in its store.
  ///   - name: the lock key's name, `--key`; the bid's key follows from it.
  ///   - board: of the same election.
  ///   - own: our bid; with a priority of 0 or less we only hand over to others.
  ///   - delay: how long we follow before we bid.
  package init(
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

  /// Reads the side key once per period until a graceful shutdown.
  package func run() async throws {
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
        // If another elector was faster, we see its bid the next time.
        _ = try await self.key.setSideValue(
          self.bidKey, to: bid.json, if: index.map { .ifIndex($0) } ?? .ifAbsent)
      case .yield(let bid, let duration):
        self.logger.info(
          "handing over to an elector with a larger priority",
          metadata: [
            "priority": "\(bid.priority)", "who": "\(bid.candidate.name)",
            "ours": "\(self.own.priority)",
          ])
        self.board.giveWay(for: duration)
      }
    } catch {
      // The election logs the store's failures.
      self.logger.debug("cannot read or write a bid", metadata: ["reason": "\(error.description)"])
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
