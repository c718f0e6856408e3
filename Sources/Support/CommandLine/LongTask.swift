/// How far a task is that takes long: a value that reads no clock and says itself as a bar or as a line.
package struct LongTask: Equatable, Sendable {
  /// What is counted: "seeds".
  package var unit: String
  package var done = 0
  /// 0 where nobody knows.
  package var total: Int
  /// What is being done just now.
  package var step = ""
  /// The share of the whole that `total` stands for; a task of several passes moves it on.
  package var share: ClosedRange<Double> = 0...1
  /// How long the whole takes as a rule, where its parts are too unlike to tell it from what is done.
  package var usual: Duration?

  package init(_ unit: String, of total: Int, usual: Duration? = nil) {
    self.unit = unit
    self.total = total
    self.usual = usual
  }

  /// Whether a part of it can be told from the whole.
  private var hasMeasure: Bool { self.total > 0 || self.usual != nil || self.share != 0...1 }

  /// From 0 to 1; a task with a usual time moves on by itself, but ends only when it ends.
  func fraction(after elapsed: Duration) -> Double {
    if let usual, usual > .zero { return min(0.99, elapsed / usual) }
    guard self.total > 0 else { return self.share.lowerBound }
    let part = min(1, max(0, Double(self.done) / Double(self.total)))
    return self.share.lowerBound + part * (self.share.upperBound - self.share.lowerBound)
  }

  /// The estimate of what is left; `nil` while there is nothing to tell it from.
  func rest(after elapsed: Duration) -> Duration? {
    if let usual { return usual > elapsed ? usual - elapsed : nil }
    let fraction = self.fraction(after: elapsed)
    guard fraction > 0, fraction < 1 else { return nil }
    return elapsed * ((1 - fraction) / fraction)
  }

  /// A line for a terminal, of fewer columns than it has: what does not fit is left out.
  package func bar(after elapsed: Duration, columns: Int) -> String {
    guard self.hasMeasure else {
      let text = self.step.isEmpty ? self.unit : self.step
      return String("\(text), \(Self.words(elapsed)) so far".prefix(max(0, columns - 1)))
    }
    let fraction = self.fraction(after: elapsed)
    let percent = "\(Int(fraction * 100)) %"
    var texts = [percent]
    for text in [self.rest(after: elapsed).map(Self.left), self.counts("/"), self.step] {
      guard let text, !text.isEmpty else { continue }
      // A bar of ten places is kept before any of them.
      let length = (texts + [text]).reduce(12) { $0 + 2 + $1.count }
      if length < columns { texts.append(text) }
    }
    let length = texts.reduce(2) { $0 + 2 + $1.count }
    let places = min(30, columns - 1 - length)
    guard places >= 5 else { return percent.count < columns ? percent : "" }
    let filled = Int(fraction * Double(places))
    let bar =
      "[" + String(repeating: "#", count: filled)
      + String(repeating: ".", count: places - filled) + "]"
    return ([bar] + texts).joined(separator: "  ")
  }

  /// A line for a file.
  package func line(after elapsed: Duration) -> String {
    var texts: [String] = []
    if let counts = self.counts(" of ") { texts.append(counts) }
    if self.hasMeasure {
      texts.append("\(Int(self.fraction(after: elapsed) * 100)) %")
    }
    let step = self.step.isEmpty && !self.hasMeasure ? self.unit : self.step
    if !step.isEmpty { texts.append(step) }
    texts.append("\(Self.words(elapsed)) so far")
    if let rest = self.rest(after: elapsed) { texts.append(Self.left(rest)) }
    return texts.joined(separator: ", ")
  }

  private func counts(_ between: String) -> String? {
    guard self.total > 0 else { return nil }
    return "\(Self.grouped(self.done))\(between)\(Self.grouped(self.total)) \(self.unit)"
  }

  private static func left(_ rest: Duration) -> String { "about \(self.words(rest)) left" }

  /// No more exact than an estimate is.
  static func words(_ duration: Duration) -> String {
    let seconds = max(1, Int((duration / .seconds(1)).rounded()))
    switch seconds {
    case ..<60: return "\(seconds) s"
    case ..<3_600: return "\((seconds + 30) / 60) min"
    default: return "\(seconds / 3_600) h \(seconds % 3_600 / 60) min"
    }
  }

  private static func grouped(_ number: Int) -> String {
    var groups: [Substring] = []
    var digits = "\(number)"[...]
    while digits.count > 3 {
      groups.append(digits.suffix(3))
      digits = digits.dropLast(3)
    }
    return ([digits] + groups.reversed()).joined(separator: ",")
  }
}

/// When a task's progress is told: never in its first two seconds; then on a terminal ten times a second, and in a
/// file after ten seconds, with pauses that double up to a minute.
package struct ProgressPace: Equatable, Sendable {
  private let isTerminal: Bool
  private var next: Duration
  private var pause: Duration

  package init(isTerminal: Bool) {
    self.isTerminal = isTerminal
    self.next = .seconds(isTerminal ? 2 : 10)
    self.pause = isTerminal ? .milliseconds(100) : .seconds(20)
  }

  /// Whether to tell it now.
  package mutating func isDue(after elapsed: Duration) -> Bool {
    guard elapsed >= self.next else { return false }
    self.next = elapsed + self.pause
    if !self.isTerminal { self.pause = min(self.pause * 2, .seconds(60)) }
    return true
  }
}
