/// A story for a terminal, and how times read in all of them.
extension Story {
  /// The title, the verdict, what was set, and a line for each mark.
  public var text: String {
    let labels = self.marks.map(self.label)
    let width = labels.map(\.count).max() ?? 0
    var lines = [self.title, self.verdict].filter { !$0.isEmpty } + self.facts + [""]
    for (mark, label) in zip(self.marks, labels) {
      let blanks = String(repeating: " ", count: width - label.count)
      let kind =
        switch mark.kind {
        case .fault: "FAULT: "
        case .event: ""
        case .violation: "VIOLATION: "
        }
      lines.append("\(Self.column(mark.at))  \(label)\(blanks)  \(kind)\(mark.text)")
    }
    return lines.map { "\($0)\n" }.joined()
  }

  private func label(_ mark: Mark) -> String {
    guard let place = mark.place, self.lanes.indices.contains(place.lane) else { return "" }
    let lane = self.lanes[place.lane]
    return lane.rows.indices.contains(place.row)
      ? "\(lane.name) \(lane.rows[place.row])" : lane.name
  }

  /// Seconds with milliseconds, such as `  12.034 s`.
  private static func column(_ seconds: Double) -> String {
    let number = Self.number(seconds, decimals: 3)
    return String(repeating: " ", count: max(0, 8 - number.count)) + number + " s"
  }

  /// A time as one says it: `0.31 s`, `5.8 s`, `26 s`, `300 s`.
  package static func words(_ seconds: Double) -> String {
    let decimals =
      switch seconds.magnitude {
      case ..<0.1: 3
      case ..<10: 2
      case ..<100: 1
      default: 0
      }
    var number = Self.number(seconds, decimals: decimals)
    while number.contains("."), let last = number.last, last == "0" || last == "." {
      number.removeLast()
      if last == "." { break }
    }
    return "\(number) s"
  }

  /// An instant of a story: `41.203 s`.
  package static func instant(_ seconds: Double) -> String {
    "\(Self.number(seconds, decimals: 3)) s"
  }

  private static func number(_ seconds: Double, decimals: Int) -> String {
    let scale = (0..<decimals).reduce(Int64(1)) { product, _ in product * 10 }
    let parts = Int64((seconds.magnitude * Double(scale)).rounded())
    let fraction = String(parts % scale)
    let sign = seconds < 0 && parts > 0 ? "-" : ""
    guard decimals > 0 else { return "\(sign)\(parts)" }
    return "\(sign)\(parts / scale)."
      + String(repeating: "0", count: decimals - fraction.count) + fraction
  }
}
