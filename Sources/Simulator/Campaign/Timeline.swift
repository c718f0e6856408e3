/// A run for a reader: lines in the order of time, and spans of states for a picture.
public struct Timeline: Sendable {
  /// The part of the cluster that acts.
  public enum Lane: Hashable, Sendable, CustomStringConvertible {
    case lease, store, fault, verdict
    case elector(Int), guardian(Int), directory(Int), kubelet(Int), pod(Int), network(Int)

    public var description: String {
      switch self {
      case .lease: "lease"
      case .store: "store"
      case .fault: "fault"
      case .verdict: "VIOLATION"
      case .elector(let node): "node\(node) elector"
      case .guardian(let node): "node\(node) guard"
      case .directory(let node): "node\(node) directory"
      case .kubelet(let node): "node\(node) kubelet"
      case .pod(let node): "node\(node) pod"
      case .network(let node): "node\(node) network"
      }
    }
  }

  public struct Line: Sendable {
    public let at: Nanoseconds
    public let lane: Lane
    public let text: String
  }

  /// A state that lasted.
  public struct Span: Sendable {
    public enum Kind: String, Sendable {
      /// The elector leads; in the store's lane, the lock is held.
      case leads, manifest, runs, stopped, down, cut
    }
    public let lane: Lane
    public let kind: Kind
    public let label: String
    public let begin: Nanoseconds
    public internal(set) var end: Nanoseconds
  }

  /// The store's API for the leases.
  public internal(set) var api = ""
  public private(set) var lines: [Line] = []
  public private(set) var spans: [Span] = []
  private var open: [Open: Int] = [:]

  private struct Open: Hashable {
    let lane: Lane
    let kind: Span.Kind
  }

  mutating func tell(_ text: String, by lane: Lane, at now: Nanoseconds) {
    self.lines.append(Line(at: now, lane: lane, text: text))
  }

  /// A state begins; one of its kind in the same lane ends.
  mutating func begin(_ kind: Span.Kind, _ label: String, in lane: Lane, at now: Nanoseconds) {
    self.end(kind, in: lane, at: now)
    self.open[Open(lane: lane, kind: kind)] = self.spans.count
    self.spans.append(Span(lane: lane, kind: kind, label: label, begin: now, end: now))
  }

  mutating func end(_ kind: Span.Kind, in lane: Lane, at now: Nanoseconds) {
    if let index = self.open.removeValue(forKey: Open(lane: lane, kind: kind)) {
      self.spans[index].end = now
    }
  }

  /// Ends all open states.
  mutating func close(at now: Nanoseconds) {
    for index in self.open.values { self.spans[index].end = now }
    self.open = [:]
  }

  /// One line per fact.
  public var text: String {
    let width = self.lines.map(\.lane.description.count).max() ?? 0
    return self.lines.map { line in
      "\(Self.time(line.at))  \(line.lane.description.padded(to: width))  \(line.text)\n"
    }.joined()
  }

  /// Seconds with milliseconds, such as ` 12.034 s`.
  static func time(_ nanoseconds: Nanoseconds) -> String {
    let milliseconds = nanoseconds / 1_000_000
    let rest = String(milliseconds % 1_000)
    return String(milliseconds / 1_000).padded(to: 4, left: true) + "."
      + String(repeating: "0", count: 3 - rest.count) + rest + " s"
  }
}

extension String {
  fileprivate func padded(to width: Int, left: Bool = false) -> String {
    let blanks = String(repeating: " ", count: max(0, width - self.count))
    return left ? blanks + self : self + blanks
  }
}
