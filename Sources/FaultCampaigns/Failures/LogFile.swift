import FoundationEssentials

/// What a process has logged.
package enum LogFile {
  package static func length(_ path: String) -> Int {
    FileManager.default.contents(atPath: path)?.count ?? 0
  }

  package static func text(_ path: String, beyond length: Int) -> String {
    let data = FileManager.default.contents(atPath: path) ?? Data()
    return String(decoding: data.dropFirst(length), as: UTF8.self)
  }
}

/// The time of day of a line in klog's form: `I1124 11:03:38.123456`.
package enum KlogTime {
  /// In the last such line; `nil` when there is none.
  package static func last(in path: String) -> Duration? {
    let text = String(
      decoding: (FileManager.default.contents(atPath: path) ?? Data()).suffix(4096),
      as: UTF8.self)
    return text.split(separator: "\n").reversed().lazy.compactMap { Self.read($0) }.first
  }

  package static func read(_ line: Substring) -> Duration? {
    guard let match = line.firstMatch(of: /^[IWEF]\d{4} (\d\d):(\d\d):(\d\d)\./),
      let hours = Int(match.1), let minutes = Int(match.2), let seconds = Int(match.3)
    else { return nil }
    return .seconds((hours * 60 + minutes) * 60 + seconds)
  }
}

extension Duration {
  /// Whether both are the same difference between times of day, give or take a minute.
  package func isAbout(_ other: Duration) -> Bool {
    let day: Int64 = 86_400
    let rest = ((self - other).components.seconds % day + day) % day
    return min(rest, day - rest) <= 60
  }
}
