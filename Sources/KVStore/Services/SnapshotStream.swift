import EtcdMessages
import Foundation
import NIOCore

/// A backup of the store as a stream of pieces. Each is read when the client has taken the one before.
///
/// Source: `Snapshot` of etcd's `maintenance.go`. Here the file is an SQLite database, which `kvstore restore` takes.
final class SnapshotStream: CallHandler {
  private let services: Services
  private let head: CallHead
  /// `nil` once the call is over.
  private var answers: (any CallAnswers)?
  private var file: SnapshotFile?
  /// Whether a piece, or the file, is on its way.
  private var isReading = false

  init(_ services: Services, _ head: CallHead, _ answers: any CallAnswers) {
    self.services = services
    self.head = head
    self.answers = answers
  }

  func received(_ message: ByteBuffer) {
    guard self.file == nil, !self.isReading else { return }
    do throws(RPCStatus) {
      _ = try self.head.decode(V3SnapshotRequest.self, message)
      try self.services.checkMaintainer(self.head)
      guard let directory = self.services.store.directory else {
        throw RPCStatus(.unimplemented, "kvstore: a store in memory has no snapshot")
      }
      self.readAside {
        try SnapshotFile(of: directory)
      } then: {
        $0.file = $1
        $0.sendNext()
      }
    } catch {
      self.answers.take()?.end(error)
    }
  }

  /// Does what blocks on another thread, and goes on here.
  private func readAside<Value: Sendable>(
    _ work: @escaping @Sendable () throws -> Value,
    then: @escaping @Sendable (SnapshotStream, Value) -> Void
  ) {
    self.isReading = true
    let bound = NIOLoopBound(self, eventLoop: self.head.loop)
    let loop = self.head.loop
    self.services.store.readAside(isLong: true) {
      let result = Result { try work() }
      loop.execute {
        let stream = bound.value
        stream.isReading = false
        switch result {
        case .success(let value): then(stream, value)
        case .failure(let error):
          stream.answers.take()?.end(RPCStatus(.internal, "etcdserver: \(error)"))
        }
      }
    }
  }

  private func sendNext() {
    guard let answers = self.answers, answers.isWritable, !self.isReading, let file = self.file
    else { return }
    self.readAside {
      try file.next()
    } then: { stream, piece in
      guard let answers = stream.answers else { return }
      var message = V3SnapshotResponse()
      message.header = stream.services.header(nil)
      message.blob = Data(piece.bytes)
      // As if the hash were a part of the backup.
      message.remainingBytes = piece.isLast ? 0 : UInt64(piece.remaining) + 32
      answers.send(stream.head.encode(message))
      if piece.isLast { stream.answers.take()?.end(.ok) } else { stream.sendNext() }
    }
  }

  func halfClosed() {}

  func cancelled() { self.answers = nil }

  func becameWritable() { self.sendNext() }

  func serverStops() { self.answers.take()?.end(.serverStopped) }
}
