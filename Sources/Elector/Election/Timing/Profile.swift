/// How an elector makes sure that never two pods run, `--profile`; without one it keeps the margin that
/// ``Timing`` has for every lease and waits where that is not enough.
public enum Profile: String, CaseIterable, Sendable {
  /// Waits even where nothing shows an earlier term: a key that was deleted, one that has expired and a
  /// first start look alike.
  case strict
  /// podmaster's timing: a successor may start its pod while the old one still stops.
  case podmaster

  /// The profile that a flag names.
  package init(flag: String) throws(ProfileError) {
    if flag == "quick" { throw .quick }
    guard let profile = Self(rawValue: flag) else { throw .unknown(flag) }
    self = profile
  }
}

/// Why a flag names no ``Profile``.
package enum ProfileError: Error, Equatable, CustomStringConvertible {
  /// Earlier versions had it.
  case quick
  case unknown(String)

  package var description: String {
    switch self {
    case .quick: "--profile quick is gone: leave --profile out, or use strict"
    case .unknown(let name): "--profile \(name) is none of: strict, podmaster"
    }
  }
}
