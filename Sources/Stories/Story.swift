/// What happened in a cluster, for a page that shows it: lanes on one axis of time, with states that last and marks.
///
/// The live page of `zweimaster up --web` builds one while the cluster runs; the simulator and the fault campaigns
/// make one of a run that is over. The page knows nothing else, so all of them look the same.
public struct Story: Codable, Equatable, Sendable {
  /// A part of the cluster, such as a node, with a row for each thing that it has.
  public struct Lane: Codable, Equatable, Sendable {
    /// Such as `kube-master1`.
    public var name: String
    /// What is shown below each other, such as `elector` and `pod`.
    public var rows: [String]

    /// A lane with the names of its rows, from the top.
    public init(_ name: String, rows: [String]) {
      self.name = name
      self.rows = rows
    }
  }

  /// A place on the page: the index of a lane, and that of a row in it.
  public struct Place: Codable, Hashable, Sendable {
    /// In place of a row's index: a mark that concerns the lane, and none of its rows.
    public static let wholeLane = -1

    /// Of ``Story/lanes``, from 0.
    public var lane: Int
    /// Of ``Lane/rows``, from 0, or ``wholeLane``.
    public var row: Int

    /// The place at two indices, or at an index and ``wholeLane``.
    public init(lane: Int, row: Int) {
      self.lane = lane
      self.row = row
    }
  }

  /// A state that lasts.
  public struct Span: Codable, Equatable, Sendable {
    /// How it looks; each has a pattern of its own, so that the page reads without colour.
    public enum Kind: String, Codable, CaseIterable, Sendable {
      /// A lease is held; believed, where an elector says it.
      case lease
      /// A lease that may not be won yet, though its key is gone.
      case lockDelay
      /// The word of an earlier leader, left in the store, that its pod has ended.
      case receipt
      /// A manifest is in the kubelet's directory.
      case manifest
      /// A pod runs.
      case pod
      /// A process that lives.
      case alive
      /// A process or a machine that stands still.
      case stopped
      /// A process that does not run.
      case down
      /// A process that lives, but does not reach the others.
      case cut
      /// Another fault that lasts, such as a slow disk.
      case fault
    }
    /// Its row.
    public var place: Place
    /// How it looks.
    public var kind: Kind
    /// What it says on it and beside it, such as `kube-master1, term 12`.
    public var text: String
    /// Seconds since the story's begin.
    public var from: Double
    /// `nil` while it lasts.
    public var to: Double?

    /// A state between two instants, in seconds since the story's begin.
    public init(_ place: Place, _ kind: Kind, _ text: String, from: Double, to: Double? = nil) {
      self.place = place
      self.kind = kind
      self.text = text
      self.from = from
      self.to = to
    }
  }

  /// Something that happened at an instant.
  public struct Mark: Codable, Equatable, Sendable {
    /// Whose doing it is.
    public enum Kind: String, Codable, CaseIterable, Sendable {
      /// What a person or a campaign did to the cluster.
      case fault
      /// What a part of the cluster says.
      case event
      /// A rule that was broken, such as two pods at one instant.
      case violation
    }
    /// Whose doing it is.
    public var kind: Kind
    /// Seconds since the story's begin.
    public var at: Double
    /// Where it happened; `nil` for the whole cluster.
    public var place: Place?
    /// What happened, as a sentence without its full stop.
    public var text: String

    /// A mark at an instant, in seconds since the story's begin.
    public init(_ kind: Kind, at: Double, _ place: Place? = nil, _ text: String) {
      self.kind = kind
      self.at = at
      self.place = place
      self.text = text
    }
  }

  /// What the page is headed with.
  public var title: String
  /// What went wrong, or that nothing did, as a sentence.
  public var verdict: String
  /// Whether something went wrong.
  public var isWrong = false
  /// What was set, a line each, such as the leases' TTL.
  public var facts: [String] = []
  /// When it began, in milliseconds of Unix time; `nil` in simulated time.
  public var began: Int64?
  /// Seconds from its begin to its end, or to now.
  public var length: Double = 0
  /// From the top.
  public var lanes: [Lane]
  /// In any order; those of a row may overlap.
  public var spans: [Span] = []
  /// In the order of time.
  public var marks: [Mark] = []

  /// One in which nothing has happened yet.
  public init(title: String, verdict: String = "", lanes: [Lane]) {
    self.title = title
    self.verdict = verdict
    self.lanes = lanes
  }
}
