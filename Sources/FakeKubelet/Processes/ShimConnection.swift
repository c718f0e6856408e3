import ContainerShim
import Glibc
import Linux
import NIOCore
import NIOPosix

/// The kubelet's side of one container's shim: its socket and its files in the container's directory.
struct ShimConnection: Sendable {
  /// The directory of all containers.
  let base: String
  /// The container's directory in it.
  let name: String

  var directory: String { "\(self.base)/\(self.name)" }

  /// Passes signals on to the container and waits for its end.
  /// - Parameter onStart: called with the container's first process.
  func attend(
    signals: AsyncStream<ContainerSignal>, onStart: (pid_t) -> Void
  ) async throws -> ContainerEnd {
    guard let channel = try await self.connect() else { return Self.end(self.lastReport) }
    var last: ShimReport?
    // A shim that ends with words of ours unread resets the connection; its file says how it ended.
    try? await channel.executeThenClose { inbound, outbound in
      try await withThrowingTaskGroup(of: Void.self) { group in
        defer { group.cancelAll() }
        group.addTask {
          for await signal in signals {
            let order: ShimOrder = signal == .kill ? .kill : .terminate
            try await outbound.write(ByteBuffer(string: order.line))
          }
        }
        var pending = ByteBuffer()
        for try await var bytes in inbound {
          pending.writeBuffer(&bytes)
          while let line = Self.line(from: &pending) {
            guard let report = ShimReport(line: line) else { continue }
            last = report
            if case .started(let process) = report { onStart(process) }
          }
        }
      }
    }
    try Task.checkCancellation()
    switch last {
    case .exited, .failed: return Self.end(last)
    case .started, nil: return Self.end(self.lastReport)
    }
  }

  /// Whether the shim runs.
  var isAlive: Bool {
    get async {
      if self.lastReport != nil { return false }
      guard
        let channel = try? await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
          .connect(unixDomainSocketPath: ContainerShim.socket(in: self.directory)).get()
      else { return false }
      try? await channel.close()
      return true
    }
  }

  /// Stops a container that has no other connection, and waits for its end.
  func kill(grace: Duration) async {
    let (signals, order) = AsyncStream.makeStream(of: ContainerSignal.self)
    await withTaskGroup(of: Void.self) { group in
      group.addTask { _ = try? await self.attend(signals: signals) { _ in } }
      group.addTask {
        if grace > .zero {
          order.yield(.terminate)
          guard (try? await Task.sleep(for: grace)) != nil else { return }
        }
        order.yield(.kill)
      }
      await group.next()
      await group.next()
    }
  }

  /// Removes the container's directory, and processes that are left of a container whose shim was killed.
  func clear() async {
    await BlockingWork.run {
      if !HostFiles.exists("\(self.directory)/\(ContainerShim.endFile)"),
        let session = HostFiles.text("\(self.directory)/\(ContainerShim.sessionFile)")
      {
        ContainerShim.killRest(session: session) {
          HostFiles.names(in: "/proc").compactMap { pid_t($0) }
        }
      }
      if let name = PathComponent(self.name) { HostFiles.remove(name, in: self.base) }
    }
  }

  /// The report of a shim that has ended.
  private var lastReport: ShimReport? {
    HostFiles.text("\(self.directory)/\(ContainerShim.endFile)")?.split(separator: "\n").first
      .flatMap { ShimReport(line: String($0)) }
  }

  private static func end(_ report: ShimReport?) -> ContainerEnd {
    switch report {
    case .exited(let code): .exited(code: code)
    case .failed(let reason): .notStarted(.run(reason))
    // The shim was killed, and bubblewrap and the container with it.
    case .started, nil: .exited(code: 137)
    }
  }

  private static func line(from buffer: inout ByteBuffer) -> String? {
    guard let end = buffer.readableBytesView.firstIndex(of: UInt8(ascii: "\n")),
      let line = buffer.readString(length: end - buffer.readerIndex)
    else { return nil }
    buffer.moveReaderIndex(forwardBy: 1)
    return line
  }

  /// - Returns: `nil` when the shim has ended.
  private func connect() async throws -> NIOAsyncChannel<ByteBuffer, ByteBuffer>? {
    let path = ContainerShim.socket(in: self.directory)
    let deadline = ContinuousClock.now + .seconds(10)
    while true {
      do {
        return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
          .connect(unixDomainSocketPath: path) { channel in
            channel.eventLoop.makeCompletedFuture {
              try NIOAsyncChannel(wrappingChannelSynchronously: channel)
            }
          }
      } catch {
        try Task.checkCancellation()
        if self.lastReport != nil { return nil }
        guard ContinuousClock.now < deadline else {
          let log = HostFiles.text("\(self.directory)/shim.log") ?? ""
          throw StartFailure.run("the container's shim does not answer at \(path): \(log)")
        }
        try await Task.sleep(for: .milliseconds(5))
      }
    }
  }
}
