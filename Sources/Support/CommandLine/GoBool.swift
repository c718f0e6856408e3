import ArgumentParser

/// The value of a boolean flag in Go's spelling.
///
/// Source: Go's `strconv.ParseBool`.
package struct GoBool: Equatable, Hashable, Sendable, ExpressibleByArgument,
  ExpressibleByBooleanLiteral
{
  package let isTrue: Bool

  package init(booleanLiteral value: Bool) {
    self.isTrue = value
  }

  /// `nil` for all but `1`, `t`, `T`, `TRUE`, `true`, `True` and their counterparts.
  package init?(argument: String) {
    switch argument {
    case "1", "t", "T", "TRUE", "true", "True": self.isTrue = true
    case "0", "f", "F", "FALSE", "false", "False": self.isTrue = false
    default: return nil
    }
  }

  package var defaultValueDescription: String { self.isTrue ? "true" : "false" }
}
