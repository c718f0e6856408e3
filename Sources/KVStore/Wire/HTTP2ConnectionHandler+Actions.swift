import NIOCore
import NIOHTTP2

/// What ``HTTP2ConnectionState`` wants done, and the deadlines of calls.
extension HTTP2ConnectionHandler {
  func carryOut(_ action: HTTP2ConnectionState.Action) {
    guard let context else { return }
    switch action {
    case .goAway(let code, let text, let isLast):
      let promise = isLast ? context.eventLoop.makePromise(of: Void.self) : nil
      promise?.futureResult.assumeIsolated().whenComplete { _ in self.report(.allWritten) }
      self.write(
        .goAway(
          lastStreamID: self.lastStream, errorCode: code,
          opaqueData: text.isEmpty ? nil : ByteBuffer(string: text)),
        on: .rootStream, promise: promise)
    case .endCalls(let all):
      for call in self.openCalls.values {
        if all { call.cut(.serverStopped) } else { call.serverStops() }
      }
    case .stopPages: context.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
    case .startStopTimer:
      self.stopTimer = self.schedule(.stopTimePassed, in: self.limits.wire.stopTime, context)
    case .checkIdleness(let time): self.idleCheck = self.schedule(.idleCheckDue, in: time, context)
    case .closeOutput(let time):
      context.flush()
      context.close(mode: .output, promise: nil)
      self.stopTimer?.cancel()
      self.stopTimer = self.schedule(.lingered, in: time, context)
    case .close: context.close(promise: nil)
    }
  }

  private func schedule(
    _ fact: HTTP2ConnectionState.Fact, in time: TimeAmount, _ context: ChannelHandlerContext
  ) -> Scheduled<Void> {
    context.eventLoop.assumeIsolated().scheduleTask(in: time) { self.report(fact) }
  }

  /// One alarm for the deadlines of all calls: most calls are over long before theirs.
  func setAlarm(_ time: NIODeadline) {
    guard let context, self.alarm.map({ time < $0.time }) ?? true else { return }
    self.alarm?.task.cancel()
    let task = context.eventLoop.assumeIsolated().scheduleTask(deadline: time) {
      self.alarm = nil
      let now = NIODeadline.now()
      var next: NIODeadline?
      for call in self.openCalls.values {
        guard let deadline = call.deadline, !call.state.isEnded else { continue }
        if deadline <= now {
          call.cut(RPCStatus(.deadlineExceeded, "context deadline exceeded"))
        } else {
          next = min(deadline, next ?? deadline)
        }
      }
      if let next { self.setAlarm(next) }
    }
    self.alarm = (time, task)
  }
}
