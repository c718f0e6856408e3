import Foundation

/// The unit of a figure, and how a figure in it is written.
package enum FigureUnit: Equatable, Sendable {
  case perSecond, microseconds, milliseconds, seconds, mebibytes, percent

  package func text(_ value: Double) -> String {
    switch self {
    case .perSecond: "\(Self.grouped(Int(value.rounded()))) /s"
    case .microseconds: "\(Self.decimal(value, places: 1)) µs"
    case .milliseconds: "\(Self.decimal(value, places: 2)) ms"
    case .seconds: "\(Self.decimal(value, places: 3)) s"
    case .mebibytes: "\(Self.decimal(value, places: 1)) MiB"
    case .percent: "\(Self.decimal(value, places: 0)) %"
    }
  }

  /// A time, in one of the units of time.
  package func text(_ duration: Duration) -> String {
    switch self {
    case .microseconds: self.text(duration / .microseconds(1))
    case .milliseconds: self.text(duration / .milliseconds(1))
    case .seconds: self.text(duration / .seconds(1))
    case .perSecond, .mebibytes, .percent: preconditionFailure("\(self) is no unit of time")
    }
  }

  /// With a comma between thousands.
  package static func grouped(_ number: Int) -> String {
    number.formatted(.number.locale(Locale(identifier: "en_US")))
  }

  package static func decimal(_ value: Double, places: Int) -> String {
    String(format: "%.\(places)f", value)
  }

  /// With three significant digits from 0.01 to 100.
  package static func ratio(_ value: Double) -> String {
    self.decimal(value, places: value < 0.1 ? 3 : value < 10 ? 2 : 1)
  }
}
