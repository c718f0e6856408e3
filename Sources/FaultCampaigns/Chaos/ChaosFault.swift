import FaultRelay
import TestCluster

/// A random fault, which lasts for a while.
package enum ChaosFault: Hashable, Sendable, CustomStringConvertible {
  /// No packet passes between a host and the others listed.
  case cut(NetworkHost, from: [NetworkHost], Direction)
  /// This percentage of the packets from and to a host is lost.
  case lose(NetworkHost, percent: Int)
  /// Packets from and to a host are late, each way.
  case delay(NetworkHost, milliseconds: Int)
  /// `SIGKILL`; at the end of the fault the process is started again, by its guard or by us.
  case kill(Target)
  /// `SIGSTOP`, and at the end `SIGCONT`.
  case pause(Target)
  /// `SIGTERM` for an elector's guard, which ends in order; at the end of the fault it is started again.
  case stop(node: Int, Role)
  /// The wall clock of a node's processes differs by that many seconds; at the end it is right again.
  case setClock(node: Int, seconds: Int)

  /// Which packets are lost, seen from the host.
  package enum Direction: String, CaseIterable, Sendable {
    case both = "both ways"
    case sent = "what it sends"
    case received = "what it is sent"
  }

  /// A process.
  package enum Target: Hashable, Sendable, CustomStringConvertible {
    /// The elector itself, its guard's child.
    case elector(node: Int, Role)
    case guardian(node: Int, Role)
    case kubelet(node: Int)
    case member(Int)

    package var description: String {
      switch self {
      case .elector(let node, let role): "master\(node)'s \(role.rawValue) elector"
      case .guardian(let node, let role): "master\(node)'s \(role.rawValue) guard"
      case .kubelet(let node): "master\(node)'s kubelet"
      case .member(let number): "store\(number)"
      }
    }
  }

  /// The kinds of fault, as they are counted.
  package enum Kind: String, CaseIterable, Sendable {
    case cutFromStore = "a node cut off from the store, both ways"
    case cutOneWay = "a node cut off from the store, one way"
    case cutFromSome = "a node cut off from some of the store's members"
    case cutMember = "a member cut off from the other members"
    case loss = "packets lost"
    case delay = "packets late"
    case killElector = "an elector killed"
    case killGuard = "a guard killed"
    case killKubelet = "a kubelet killed, with its pods"
    case killMember = "the store or a member killed"
    case pauseElector = "an elector stopped (SIGSTOP)"
    case pauseGuard = "a guard stopped (SIGSTOP)"
    case pauseMember = "the store or a member stopped (SIGSTOP)"
    case stopElector = "an elector ended in order (SIGTERM)"
    case setClock = "a node's wall clock set"

    /// Whether it needs a store of several members.
    package var needsMembers: Bool { self == .cutFromSome || self == .cutMember }
  }

  package var description: String {
    switch self {
    case .cut(let host, let others, let direction):
      "\(host) cut off from \(others.map(\.description).joined(separator: ", ")): \(direction.rawValue)"
    case .lose(let host, let percent): "\(host) loses \(percent) % of its packets"
    case .delay(let host, let milliseconds):
      "\(host)'s packets are \(milliseconds) ms late each way"
    case .kill(let target): "SIGKILL for \(target)"
    case .pause(let target): "SIGSTOP for \(target)"
    case .stop(let node, let role): "SIGTERM for master\(node)'s \(role.rawValue) elector"
    case .setClock(let node, let seconds):
      "master\(node)'s wall clock is \(abs(seconds)) s \(seconds < 0 ? "behind" : "ahead")"
    }
  }

  /// What only one fault may affect at a time.
  package enum Claim: Hashable {
    /// A guard's claim is its elector's, too: each covers for the other, and neither covers for both.
    case process(Target)
    case clock(node: Int)
  }

  /// `nil` for faults of the network, which add up.
  package var claim: Claim? {
    switch self {
    case .kill(.elector(let node, let role)), .pause(.elector(let node, let role)),
      .stop(let node, let role):
      .process(.guardian(node: node, role))
    case .kill(let target), .pause(let target): .process(target)
    case .setClock(let node, _): .clock(node: node)
    case .cut, .lose, .delay: nil
    }
  }

  /// One direction between two hosts.
  package struct Line: Hashable {
    package var from: NetworkHost
    package var to: NetworkHost
  }

  /// What happens to packets while these faults last.
  /// - Parameter hosts: all hosts of the network.
  package static func treatments(
    _ faults: some Sequence<ChaosFault>, among hosts: [NetworkHost]
  ) -> [Line: PacketRelay.Treatment] {
    var result: [Line: PacketRelay.Treatment] = [:]
    func change(
      _ host: NetworkHost, _ others: [NetworkHost], _ direction: Direction,
      _ change: (inout PacketRelay.Treatment) -> Void
    ) {
      for other in others where other != host {
        if direction != .received { change(&result[Line(from: host, to: other), default: .init()]) }
        if direction != .sent { change(&result[Line(from: other, to: host), default: .init()]) }
      }
    }
    for fault in faults {
      switch fault {
      case .cut(let host, let others, let direction):
        change(host, others, direction) { $0.loss = 1 }
      case .lose(let host, let percent):
        change(host, hosts, .both) { $0.loss = 1 - (1 - $0.loss) * (1 - Double(percent) / 100) }
      case .delay(let host, let milliseconds):
        change(host, hosts, .both) { $0.delay += .milliseconds(milliseconds) }
      case .kill, .pause, .stop, .setClock: break
      }
    }
    return result
  }
}
