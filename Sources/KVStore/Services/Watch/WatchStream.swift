import EtcdMessages
import NIOCore

/// `etcdserverpb.Watch`.
extension Method {
  static let watches: [Method] = [
    .stream("etcdserverpb.Watch", "Watch", at: "/watch") { WatchStream($0, $1, $2) }
  ]
}

/// Carries out what ``WatchSession`` says: it asks the store and writes while the client reads.
final class WatchStream: CallHandler {
  private let services: Services
  private let head: CallHead
  private let answers: any CallAnswers
  private var session: WatchSession
  /// The store's numbers of the stream's watches.
  private var registrations: [Int64: UInt64] = [:]
  private var progressTimer: Scheduled<Void>?
  private var isOver = false

  /// Source: `DefaultWatchProgressNotifyInterval`.
  private static let progressInterval = TimeAmount.minutes(10)

  init(_ services: Services, _ head: CallHead, _ answers: any CallAnswers) {
    self.services = services
    self.head = head
    self.answers = answers
    self.session = WatchSession { services.header($0) }
  }

  func received(_ message: ByteBuffer) {
    do throws(RPCStatus) {
      let request = try self.head.decode(V3WatchRequest.self, message)
      let tree = self.services.store.currentRevisions
      self.carryOut(self.session.handle(request, tree, denial: self.denial(of: request)))
      self.scheduleProgress()
      self.pump()
    } catch {
      self.finish()
      self.answers.end(error)
    }
  }

  /// Why a watch may not begin.
  private func denial(of request: V3WatchRequest) -> RPCStatus? {
    guard case .createRequest(let query) = request.requestUnion else { return nil }
    do throws(RPCStatus) {
      try self.services.checkRight(RangeRequest(WatchSession.range(of: query)), self.head)
      return nil
    } catch {
      return error
    }
  }

  private func carryOut(_ changes: [WatchSession.Change]) {
    for change in changes {
      switch change {
      case .watch(let id, let range):
        let bound = NIOLoopBound(self, eventLoop: self.head.loop)
        let registration = self.services.store.watchRevisions(range, on: self.head.loop) { news in
          bound.value.changed(id, news)
        }
        self.registrations[id] = registration.id
        // What came between the answer's snapshot and now is found by a look.
        self.session.changed(id)
      case .unwatch(let id):
        if let registration = self.registrations.removeValue(forKey: id) {
          self.services.store.unwatchRevisions(registration)
        }
      case .read(let reading):
        let bound = NIOLoopBound(self, eventLoop: self.head.loop)
        let (store, loop) = (self.services.store, self.head.loop)
        let tree = store.currentRevisions
        store.readAside {
          let result = Result { () throws(RevisionError) in try reading.events(in: tree) }
          loop.execute { bound.value.received(result, of: reading) }
        }
      }
    }
  }

  private func received(
    _ result: Result<EventBatch, RevisionError>, of reading: WatchSession.Reading
  ) {
    guard !self.isOver else { return }
    let tree = self.services.store.currentRevisions
    self.carryOut(self.session.received(result, of: reading, tree))
    self.pump(tree)
  }

  private func changed(_ id: Int64, _ news: RevisionNews) {
    guard !self.isOver else { return }
    self.session.changed(id, news, mayTell: self.answers.isWritable)
    self.pump(news.tree)
  }

  private func pump() { self.pump(self.services.store.currentRevisions) }

  /// - Parameter tree: one snapshot for all, so that writers that are faster than the client cannot keep it here.
  private func pump(_ tree: RevisionTree) {
    while !self.isOver, self.answers.isWritable {
      var changes: [WatchSession.Change] = []
      let response = self.session.next(tree, &changes)
      self.carryOut(changes)
      guard let response else { return }
      self.answers.send(self.head.encode(response))
    }
  }

  private func scheduleProgress() {
    guard self.progressTimer == nil, self.session.wantsProgress else { return }
    let bound = NIOLoopBound(self, eventLoop: self.head.loop)
    self.progressTimer = self.head.loop.scheduleTask(in: Self.progressInterval) {
      let stream = bound.value
      stream.progressTimer = nil
      stream.session.notifyProgress()
      stream.scheduleProgress()
      stream.pump()
    }
  }

  private func finish() {
    self.isOver = true
    self.progressTimer?.cancel()
    for registration in self.registrations.values {
      self.services.store.unwatchRevisions(registration)
    }
    self.registrations = [:]
  }

  /// It ends nothing: the events go on.
  func halfClosed() {}

  func cancelled() { self.finish() }

  func becameWritable() { self.pump() }

  func serverStops() {
    self.finish()
    self.answers.end(.serverStopped)
  }
}
