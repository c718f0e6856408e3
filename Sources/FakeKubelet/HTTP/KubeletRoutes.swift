import Glibc
import HTTPListening
import HTTPTypes
import Hummingbird
import KubernetesObjects
import Linux
import NIOCore
import PrometheusText

/// The kubelet's HTTP endpoints.
///
/// Source: `pkg/kubelet/server/server.go`, 1.32.
struct KubeletRoutes: Sendable {
  let kubelet: FakeKubelet

  /// One of the kubelet's two ports.
  enum Port: Sendable {
    case readOnly
    case main
  }

  func router(for port: Port) -> Router<BasicRequestContext> {
    let router = Router()
    router.get("healthz") { request, _ in
      self.health(nil, isVerbose: request.query["verbose"] != nil)
    }
    router.get("healthz/:check") { _, context in
      self.health(context.parameters.get("check"), isVerbose: false)
    }
    router.get("pods") { _, _ in Self.json(self.kubelet.podList) }
    router.get("stats/summary") { _, _ in Self.json(await self.kubelet.statsSummary().utf8) }
    router.get("metrics") { _, _ in Self.metrics(self.kubelet.workers.metrics) }
    router.get("metrics/probes") { _, _ in Self.metrics(self.kubelet.workers.probeMetrics) }
    // Paths match with and without a slash at the end.
    switch port {
    case .main:
      router.get("runningpods") { _, _ in Self.json(self.kubelet.workers.runningPodList().utf8) }
      router.get("containerLogs/:namespace/:pod/:container") { request, context in
        self.log(
          PodName(
            namespace: context.parameters.get("namespace") ?? "",
            name: context.parameters.get("pod") ?? ""),
          context.parameters.get("container") ?? "", request)
      }
      router.get("logs") { _, _ in await self.file("") }
      router.get("logs/**") { _, context in
        await self.file(context.parameters.getCatchAll().joined(separator: "/"))
      }
    case .readOnly:
      for path in ["runningpods", "containerLogs/**", "logs", "logs/**"] {
        router.get(RouterPath(path)) { _, _ in
          Self.text("Debug endpoints are disabled.\n", status: .methodNotAllowed)
        }
      }
    }
    return router
  }

  private func health(_ check: String?, isVerbose: Bool) -> Response {
    guard let answer = self.kubelet.health.answer(check: check, isVerbose: isVerbose) else {
      return Self.text("404 page not found\n", status: .notFound)
    }
    return Self.text(answer.text, status: answer.isGood ? .ok : .internalServerError)
  }

  // MARK: - Logs

  private func log(_ pod: PodName, _ container: String, _ request: Request) -> Response {
    let query = request.query.parameters.map { ($0.name, $0.value) }
    guard let options = ContainerLogOptions(query: query, now: .now) else {
      return Self.answer(
        "{\"message\": \"Invalid request.\"}".utf8, type: "application/json",
        status: .unprocessableContent)
    }
    let log: ContainerLogFile
    do throws(ContainerLogRefusal) {
      log = try self.kubelet.workers.log(of: pod, container: container, previous: options.previous)
    } catch {
      return Self.text(error.message + "\n", status: .init(code: error.status))
    }
    let directory = self.kubelet.configuration.podLogsDirectory
    return Response(
      status: .ok, headers: [.contentType: "text/plain"],
      body: .init { writer in
        if let directory, let path = log.path {
          let reader = ContainerLogReader(path, in: directory)
          if options.follows {
            // Nothing is written while the log is quiet, so no write shows that the client has gone.
            try await request.body.consumeWithCancellationOnInboundClose { _ in
              try await self.copy(reader, of: log, options, to: &writer)
              try await writer.finish(nil)
            }
            return
          }
          try await self.copy(reader, of: log, options, to: &writer)
        }
        try await writer.finish(nil)
      })
  }

  /// Writes the log's content, and follows it while the container may write to it.
  private func copy(
    _ reader: ContainerLogReader, of log: ContainerLogFile, _ options: ContainerLogOptions,
    to writer: inout any ResponseBodyWriter
  ) async throws {
    var filter = ContainerLogFilter(options)
    if let lines = options.tailLines {
      let text = filter.begin(await BlockingWork.run { reader.tail(lines) })
      if !text.isEmpty { try await writer.write(ByteBuffer(bytes: text)) }
    }
    while !filter.isFull {
      try Task.checkCancellation()
      // Read before the file, so that the file has the container's last lines.
      let isRunning = self.kubelet.workers.isRunning(log)
      let bytes = await BlockingWork.run { reader.next() }
      let text = filter.append(bytes)
      if !text.isEmpty { try await writer.write(ByteBuffer(bytes: text)) }
      guard bytes.isEmpty else { continue }
      guard options.follows, isRunning else { return }
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  /// A file of the node's logs, or the names in a directory.
  private func file(_ path: String) async -> Response {
    let root = self.kubelet.configuration.logsDirectory
    let answer = await BlockingWork.run { () -> Response? in
      // Without O_NONBLOCK the open of a FIFO would wait for a writer.
      guard let base = try? HeldDirectory(root),
        let file = try? base.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
      else { return nil }
      defer { close(file) }
      switch HostFiles.type(of: file) {
      case S_IFDIR:
        guard let directory = try? base.directory(path) else { return nil }
        let names = directory.names.sorted().map { name in
          (try? directory.directory(name)) == nil ? "\(name)\n" : "\(name)/\n"
        }
        return Self.text(names.joined())
      case S_IFREG: return Self.content(of: fcntl(file, F_DUPFD_CLOEXEC, 0))
      default: return nil
      }
    }
    return answer ?? Self.text("404 page not found\n", status: .notFound)
  }

  /// A file in pieces, since a node's logs may be larger than its memory.
  /// - Parameter file: is closed with the answer.
  private static func content(of file: Int32) -> Response {
    let held = HeldFile(descriptor: file)
    return Response(
      status: .ok, headers: [.contentType: "text/plain; charset=utf-8"],
      body: .init { writer in
        while true {
          let piece = await BlockingWork.run {
            HostFiles.rest(of: held.descriptor, upTo: ContainerLogReader.piece) ?? []
          }
          guard !piece.isEmpty else { break }
          try await writer.write(ByteBuffer(bytes: piece))
        }
        try await writer.finish(nil)
      })
  }

  private final class HeldFile: Sendable {
    let descriptor: Int32
    init(descriptor: Int32) { self.descriptor = descriptor }
    deinit { close(self.descriptor) }
  }

  // MARK: - Answers

  private static func metrics(_ text: String) -> Response {
    Self.answer(text.utf8, type: "\(MetricsPage.contentType)")
  }

  private static func json(_ text: [UInt8]) -> Response {
    Self.answer(text + [UInt8(ascii: "\n")], type: "application/json")
  }

  private static func text(_ text: String, status: HTTPResponse.Status = .ok) -> Response {
    var answer = Self.answer(text.utf8, type: "text/plain; charset=utf-8", status: status)
    answer.headers[.xContentTypeOptions] = "nosniff"
    return answer
  }

  private static func answer(
    _ bytes: some Sequence<UInt8>, type: String, status: HTTPResponse.Status = .ok
  ) -> Response {
    Response(
      status: status, headers: [.contentType: type],
      body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
  }
}
