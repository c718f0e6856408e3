import Glibc

/// Where a file lies, independent of the mounts and links that lead there: its directory, and its name in it.
/// Source: stat(2), readlink(2).
package struct FilePlace: Hashable, Sendable {
  private let device: dev_t
  private let directory: ino_t
  private let name: String

  /// `nil` while the directory does not exist.
  package init?(_ path: String) {
    var status = stat()
    guard stat(ManifestFile.directory(of: path), &status) == 0 else { return nil }
    (self.device, self.directory) = (status.st_dev, status.st_ino)
    self.name = ManifestFile.name(of: path)
  }

  /// The places of a file: that of the path and, if it is a link, those of all that it leads over.
  package static func all(of path: String) -> [FilePlace] {
    var places: [FilePlace] = []
    var path = path
    // Source: path_resolution(7), which follows 40 links.
    for _ in 0..<40 {
      if let place = FilePlace(path) { places.append(place) }
      var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
      let count = readlink(path, &buffer, buffer.count)
      guard count > 0 else { break }
      let target = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
      path = target.hasPrefix("/") ? target : "\(ManifestFile.directory(of: path))/\(target)"
    }
    return places
  }
}

/// The files that an elector removes, and those that it reads. They must not meet: at its start it removes
/// what is at its destinations.
package struct DestinationCheck {
  private var places: [FilePlace: String] = [:]
  private var files: [InodeIdentity: String] = [:]

  package init() {}

  /// Adds a destination.
  /// - Returns: an earlier one at the same place.
  package mutating func add(_ destination: String) -> String? {
    let path = ManifestPath(destination)
    let earlier = FilePlace(destination).flatMap { self.places[$0] }
    for place in [path.path, path.temporary, path.lock].compactMap({ FilePlace($0) }) {
      self.places[place] = destination
    }
    // What the destination leads to, if it exists: one file can be mounted in two places.
    if let file = InodeIdentity(following: destination) { self.files[file] = destination }
    return earlier
  }

  /// - Returns: the destination that a file is at, or shares its content with.
  package func destination(at file: String) -> String? {
    FilePlace.all(of: file).lazy.compactMap { self.places[$0] }.first
      ?? InodeIdentity(following: file).flatMap { self.files[$0] }
  }
}
