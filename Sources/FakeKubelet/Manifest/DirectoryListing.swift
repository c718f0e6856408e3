/// The content of the manifest directory, or of the one manifest that is given instead.
package enum DirectoryListing: Equatable, Sendable {
  /// The entries by file name, without names that begin with a dot.
  case entries([String: Entry])
  /// The path is that of a manifest.
  case file(Entry)
  /// The directory cannot be read; the reason.
  case missing(reason: String)

  package enum Entry: Equatable, Sendable {
    case content([UInt8])
    /// No regular file, or an unreadable one; the reason.
    case unreadable(reason: String)
  }
}
