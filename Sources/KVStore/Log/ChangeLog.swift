import Glibc
import NIOCore
import Synchronization

/// The log of changes on disk: two files in turn, and the mark of what was acknowledged.
///
/// A batch is one record at the end of a file, written and synced before it is acknowledged. While the changes
/// of one file go into the tables, the batches go into the other one; afterwards the first is written anew
/// from its beginning, so its blocks are there and a sync has no metadata to write.
final class ChangeLog: Sendable {
  static let fileNames = ["log.0", "log.1"]
  static let markName = "acknowledged"
  /// A file grows by so many bytes at once, and a larger one is cut after its changes are in the tables.
  private static let (growth, largestKept) = (1 << 20, 64 << 20)

  let logID: UInt64
  let directory: String
  private let files: [LogFile]
  private let state: Mutex<State>
  private let mark: Mutex<(mark: AcknowledgedMark, file: LogFile)>

  private struct State {
    var last: LogRecovery.Position
    /// Of the last change of v2.
    var index: UInt64
    var active = 0
    var offset = LogHeader.size
    /// Of the active file, as far as it is known.
    var size = 0
    /// The last batch of each file.
    var lastNumber: [UInt64] = [0, 0]
    /// The tables have every batch up to this one.
    var foldedNumber: UInt64
    var buffer = ByteBuffer()
    var placeLookedAt = ContinuousClock.now
  }

  /// Why a batch is not acknowledged.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  private init(
    directory: String, logID: UInt64, last: LogRecovery.Position, files: [LogFile],
    mark: AcknowledgedMark, markFile: LogFile
  ) {
    self.directory = directory
    self.logID = logID
    self.files = files
    self.state = Mutex(State(last: last, index: mark.index, foldedNumber: last.number))
    self.mark = Mutex((mark, markFile))
  }

  // MARK: Opening

  /// Makes an empty log, in place of any other one.
  static func create(in directory: String, last: LogRecovery.Position) throws -> UInt64 {
    let logID = UInt64.random(in: 1...UInt64(Int64.max))
    for name in self.fileNames {
      try self.replace(directory + "/" + name, by: LogHeader(logID: logID).bytes)
    }
    let mark = AcknowledgedMark(logID: logID, number: last.number)
    try self.replace(directory + "/" + self.markName, by: mark.bytes)
    return logID
  }

  private static func replace(_ path: String, by bytes: ByteBuffer) throws {
    try DurableFile.create(path + ".new")
    try LogFile(path + ".new").write(bytes, at: 0)
    try DurableFile.put(path + ".new", inPlaceOf: path)
  }

  /// The files of the log as they are.
  struct Files {
    var contents: [LogContents]
    /// `nil` when it is missing or damaged.
    var mark: AcknowledgedMark?
  }

  /// The mark in a directory; `nil` when it is missing or damaged.
  static func mark(in directory: String) -> AcknowledgedMark? {
    (try? LogFile.contents(directory + "/" + self.markName)).flatMap(AcknowledgedMark.init)
  }

  /// Reads the log, and changes nothing.
  /// - Throws: ``LogRecovery/Damage`` for a file that is missing or whose head is damaged.
  static func read(_ directory: String, logID: UInt64) throws -> Files {
    // The mark first: a server may write on meanwhile.
    let mark = self.mark(in: directory).flatMap { $0.logID == logID ? $0 : nil }
    let contents = try self.fileNames.map { name in
      let path = directory + "/" + name
      guard DurableFile.exists(path) else {
        throw LogRecovery.Damage(path: path, reason: "it is missing")
      }
      let bytes = try LogFile.contents(path)
      guard let header = LogHeader(bytes) else {
        throw LogRecovery.Damage(
          path: path, reason: "its first \(LogHeader.size) bytes are damaged")
      }
      guard header.logID == logID else {
        throw LogRecovery.Damage(path: path, reason: "it is the log of another database")
      }
      return LogContents(path: path, bytes)
    }
    return Files(contents: contents, mark: mark)
  }

  /// Opens the log for writing, once the tables have all of it.
  /// - Parameters:
  ///   - last: the last batch.
  ///   - index: of the last change of v2.
  ///   - revision: the last one of v3.
  static func open(
    _ directory: String, logID: UInt64, last: LogRecovery.Position, index: UInt64,
    revision: Int64, authRevision: UInt64
  ) throws -> ChangeLog {
    let mark = AcknowledgedMark(
      logID: logID, number: last.number, index: index, authRevision: authRevision,
      revision: revision)
    let markPath = directory + "/" + self.markName
    if !DurableFile.exists(markPath) { try self.replace(markPath, by: mark.bytes) }
    let markFile = try LogFile(markPath)
    try markFile.write(mark.bytes, at: 0)
    return ChangeLog(
      directory: directory, logID: logID, last: last,
      files: try self.fileNames.map { try LogFile(directory + "/" + $0) }, mark: mark,
      markFile: markFile)
  }

  // MARK: Batches

  /// Writes a batch. It is on disk on return, and not acknowledged otherwise.
  func commit(
    _ changes: [Change], _ revisionChanges: [RevisionChange], at time: StoreTime
  ) throws {
    let (number, index) = try self.state.withLock { state in
      if state.placeLookedAt.duration(to: .now) >= .seconds(1) {
        try self.checkPlace()
        state.placeLookedAt = .now
      }
      let number = state.last.number + 1
      state.buffer.clear()
      let checksum = LogRecord.write(
        changes, revisionChanges, number: number, previous: state.last.checksum,
        after: state.index, time: time, to: &state.buffer)
      let file = self.files[state.active]
      do {
        let end = state.offset + state.buffer.readableBytes
        if end > state.size {
          file.grow(to: end, by: Self.growth)
          state.size = file.size
        }
        try file.write(state.buffer, at: state.offset)
        try file.sync()
        guard file.isLinked else { throw Self.deleted(file) }
      } catch {
        // It must not come back after a start.
        try? file.write(ByteBuffer(repeating: 0, count: LogRecord.headSize), at: state.offset)
        throw error
      }
      state.offset += state.buffer.readableBytes
      state.last = LogRecovery.Position(number: number, checksum: checksum)
      state.lastNumber[state.active] = number
      if state.buffer.capacity > Self.growth { state.buffer = ByteBuffer() }
      state.index += UInt64(changes.count)
      return (number, state.index)
    }
    let revision = revisionChanges.reversed().lazy.compactMap(\.revision?.main).first
    self.note { mark in
      mark.number = number
      mark.index = index
      if let revision { mark.revision = revision }
    }
  }

  /// Notes down what was acknowledged.
  private func note(_ change: (inout AcknowledgedMark) -> Void) {
    self.mark.withLock { state in
      change(&state.mark)
      // A mark that cannot be written stays behind, as after a power cut.
      try? state.file.write(state.mark.bytes, at: 0)
    }
  }

  func noteAuth(revision: UInt64) {
    self.note { $0.authRevision = revision }
  }

  /// The directory may have been moved, or another one put in its place.
  func checkPlace() throws {
    for file in self.files {
      guard file.isLinked else { throw Self.deleted(file) }
      guard file.isAtItsPath else {
        throw Failure(
          description:
            "\(file.path) is not the file that this kvstore has open: the data directory was moved")
      }
    }
  }

  private static func deleted(_ file: LogFile) -> Failure {
    Failure(description: "\(file.path) was deleted while it was in use")
  }

  // MARK: Folds

  /// The next batches go into the other file, if its changes are in the tables.
  /// - Returns: the last batch; the tables can have all up to this one.
  func beginFold() -> LogRecovery.Position {
    self.state.withLock { state in
      let other = 1 - state.active
      if state.lastNumber[other] <= state.foldedNumber,
        state.lastNumber[state.active] > state.foldedNumber
      {
        state.active = other
        (state.offset, state.size) = (LogHeader.size, 0)
        self.files[other].cut(to: Self.largestKept)
      }
      return state.last
    }
  }

  /// What the files take on disk.
  var byteCount: Int { self.files.reduce(0) { $0 + $1.size } }

  /// The tables have every batch up to this one, on disk.
  func folded(_ position: LogRecovery.Position) {
    self.state.withLock { $0.foldedNumber = position.number }
  }
}
