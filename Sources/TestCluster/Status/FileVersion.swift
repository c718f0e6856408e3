import Glibc

/// Distinguishes a file from its successors under the same name.
package struct FileVersion: Equatable, Sendable {
  private var inode: UInt
  private var seconds: Int
  private var nanoseconds: Int

  /// `nil` when there is no file.
  package init?(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    self.inode = UInt(status.st_ino)
    self.seconds = status.st_ctim.tv_sec
    self.nanoseconds = status.st_ctim.tv_nsec
  }
}
