/// What has changed in a story that goes on, since a version that its reader knows.
///
/// A reader asks for what is new since its last update; so nothing waits for a slow one, and a reader that has missed
/// updates gets what they have led to.
public struct StoryUpdate: Codable, Equatable, Sendable {
  /// A span or a mark, with the number that it keeps.
  public struct Numbered<Value: Codable & Equatable & Sendable>: Codable, Equatable, Sendable {
    /// Larger for each later one, and never used again. Spans and marks are counted apart.
    public var number: Int
    /// As it is now.
    public var value: Value

    /// A span or a mark with its number.
    public init(_ number: Int, _ value: Value) {
      self.number = number
      self.value = value
    }
  }

  /// The version that the reader knows now.
  public var version: Int
  /// The story without spans and marks, for a reader that knew nothing.
  public var story: Story?
  /// ``Story/verdict``, as it is now.
  public var verdict: String
  /// ``Story/isWrong``, as it is now.
  public var isWrong: Bool
  /// Seconds from the story's begin to now.
  public var length: Double
  /// What was over before, in seconds since the story's begin, is forgotten.
  public var oldest: Double
  /// New or changed ones, in the order of their numbers.
  public var spans: [Numbered<Story.Span>]
  /// New or changed ones, in the order of their numbers; not in that of time.
  public var marks: [Numbered<Story.Mark>]

  /// An update; its times are in seconds since the story's begin.
  public init(
    version: Int, story: Story?, verdict: String, isWrong: Bool, length: Double, oldest: Double,
    spans: [Numbered<Story.Span>], marks: [Numbered<Story.Mark>]
  ) {
    self.version = version
    self.story = story
    self.verdict = verdict
    self.isWrong = isWrong
    self.length = length
    self.oldest = oldest
    self.spans = spans
    self.marks = marks
  }
}
