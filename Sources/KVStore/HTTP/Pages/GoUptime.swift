/// A duration in Go's format: `1h2m3.5s`.
///
/// Source: Go's `Duration.String`, except that less than a second is a fraction of one.
struct GoUptime: CustomStringConvertible {
  let nanoseconds: Int64

  var description: String {
    let (seconds, rest) = max(0, self.nanoseconds).quotientAndRemainder(dividingBy: 1_000_000_000)
    var text = ""
    if seconds >= 3600 { text += "\(seconds / 3600)h" }
    if seconds >= 60 { text += "\(seconds / 60 % 60)m" }
    text += "\(seconds % 60)"
    if rest != 0 {
      let digits = String(rest)
      text += "." + String(repeating: "0", count: 9 - digits.count) + digits
      while text.hasSuffix("0") { text.removeLast() }
    }
    return text + "s"
  }
}
