import NIOCore

extension ConnectionState {
  enum Fact {
    case opened
    case received(ByteBuffer)
    /// The client has closed its direction of the connection.
    case inputClosed
    /// The connection is broken, or both directions are closed.
    case lost
    case serverStopped
    /// ``Action/startRequestTimer`` ran out.
    case requestTimedOut
    /// The time of ``Action/checkIdleness(in:)`` has come.
    case idleCheckDue
    /// The password of the request that is under way was checked.
    case authenticated(Requester)
    case answered(Response)
    /// `index` is the store's when the watch began, `event` one of the past, as JSON; without an `id`
    /// nothing more can come.
    case watchStarted(id: WatcherHub.ID?, index: UInt64, event: ByteBuffer?, isStream: Bool)
    /// A call of the v3 API has something to say: the head of its answer.
    case callStarted(Response)
    /// After ``callStarted(_:)``: the call says nothing more.
    case callEnded
    /// An event of the watch, as JSON, or a message of the call.
    case event(ByteBuffer, isLast: Bool)
    case eventWritten(byteCount: Int)
    /// All bytes before ``Action/reportWhenWritten`` have left.
    case allWritten
    /// Whether the client reads: false while too much waits to be sent.
    case writabilityChanged(Bool)
    /// The time of ``Action/closeOutput(lingeringFor:)`` is over.
    case lingered
  }

  enum Action {
    /// Answer this request: ``Fact/answered(_:)`` or ``Fact/watchStarted(id:index:event:isStream:)``. Without
    /// a requester the handler finds out whether it needs one, and may report
    /// ``Fact/authenticated(_:)`` first.
    case serve(Request, by: Requester?)
    case write(ByteBuffer)
    /// Write, and report ``Fact/eventWritten(byteCount:)``.
    case writeEvent(ByteBuffer)
    case unwatch(WatcherHub.ID)
    /// Nobody hears the call that may be under way.
    case cancelCall
    case startRequestTimer
    case stopRequestTimer
    case checkIdleness(in: TimeAmount)
    /// Read on; ``mayRead()`` had said no.
    case read
    case reportWhenWritten
    /// End the output and report ``Fact/lingered`` after the time. What arrives is still reported.
    case closeOutput(lingeringFor: TimeAmount)
    case close
  }
}
