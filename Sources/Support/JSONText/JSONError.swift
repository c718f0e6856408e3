/// Why a text is not JSON, and where.
package struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
  package let reason: String
  /// In bytes from the start.
  package let position: Int

  package var description: String { "\(self.reason) at byte \(self.position)" }
}
