/// What has changed in a story that goes on, since a version that its reader knows.
///
/// A reader asks for what is new since its last update; so nothing waits for a slow one, and a reader that has missed
/// updates gets what they have led to.
public struct StoryUpdate: Codable, Equatable, Sendable {
  /// A span or a mark, with the number that it keeps.
  public struct Numbered<Value: Codable & Equatable & Sendable>: Codable, Equatable, Sendable {
    public var number: Int
    public var value: Value

    public init(_ number: Int, _ value: Value) {
      self.number = number
      self.value = value
    }
  }

  /// The version that the reader knows now.
  public var version: Int
  /// The story without spans and marks, for a reader that knew nothing.
  public var story: Story?
  public var verdict: String
  public var isWrong: Bool
  /// Seconds from the story's begin to now.
  public var length: Double
  /// What was over before, in seconds since the story's begin, is forgotten.
  public var oldest: Double
  /// New or changed ones.
  public var spans: [Numbered<Story.Span>]
  public var marks: [Numbered<Story.Mark>]

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
