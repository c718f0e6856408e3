import Glibc

/// Reads symbolic links without Foundation.
package enum SymbolicLink {
  /// The target of a symbolic link; `nil` when it cannot be read.
  package static func target(of path: String) -> String? {
    var count = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: Int(PATH_MAX)) { buffer, initialized in
      count = buffer.withMemoryRebound(to: CChar.self) {
        $0.baseAddress.map { readlink(path, $0, buffer.count) } ?? -1
      }
      initialized = max(0, count)
    }
    return count < 0 ? nil : String(decoding: bytes, as: UTF8.self)
  }
}
