import HTTPEndpoint
import KubernetesObjects

/// How a collection of the API server is followed, as a value: a list, then a watch from there on, and so on.
///
/// Source: client-go, `tools/cache/reflector.go`. That one goes on where a watch has ended; here each watch begins
/// with a list, so that whatever was lost is found within a minute and a half.
package struct Reflection: Equatable, Sendable {
  /// What is to be asked for next.
  package enum Step: Equatable, Sendable {
    case list
    case watch(from: String)
  }

  /// What a line of a watch says.
  package enum Line: Equatable, Sendable {
    case change(CollectionChange)
    /// Nothing has changed up to here.
    case bookmark
    /// The place is lost: the status code and message.
    case lost(status: Int, message: String)
  }

  package private(set) var step = Step.list

  /// Takes in a list.
  package mutating func take(list: JSONValue) -> CollectionChange {
    self.step = .watch(from: list["metadata"]?["resourceVersion"]?.string ?? "0")
    return .listed(list["items"]?.elements ?? [])
  }

  /// What a line of the watch says.
  package static func line(_ line: JSONValue) -> Line {
    let object = line["object"] ?? .null
    switch line["type"]?.string ?? "" {
    case "ADDED", "MODIFIED": return .change(.present(object))
    case "DELETED": return .change(.deleted(object))
    case "BOOKMARK": return .bookmark
    case let type:
      return .lost(
        status: object["code"]?.integer.map { Int($0) } ?? 500,
        message: object["message"]?.string ?? "a watch that says \"\(type)\"")
    }
  }

  /// A list or a watch is over, however it ended.
  package mutating func ended() { self.step = .list }
}

/// What has changed in a collection.
public enum CollectionChange: Equatable, Sendable {
  /// All that there is; what is not among it is gone.
  case listed([JSONValue])
  /// Added or modified.
  case present(JSONValue)
  /// As it was last.
  case deleted(JSONValue)
}

extension APIServers {
  /// Follows a collection until the task is cancelled: first what there is, then each change, over lost
  /// connections and servers.
  /// - Parameters:
  ///   - path: of the collection, `/api/v1/pods`.
  ///   - fieldSelector: which of its objects.
  ///   - take: is to return soon.
  public func follow(
    _ path: String, fieldSelector: String?,
    _ take: @escaping @Sendable (CollectionChange) -> Void
  ) async {
    let selector = fieldSelector.map { [(name: "fieldSelector", value: $0)] } ?? []
    var reflection = Reflection()
    var backoff = EndpointBackoff(first: .milliseconds(100), longest: .seconds(5))
    while !Task.isCancelled {
      do throws(APIServerError) {
        switch reflection.step {
        case .list:
          take(
            reflection.take(
              list: try await self.send(APIRequest("GET", path, query: selector))))
        case .watch(let version):
          reflection.ended()
          let begun = ContinuousClock.now
          try await self.watch(path, selector, from: version, take)
          // One that ends at once, again and again, is like a failure.
          if begun.duration(to: .now) > .seconds(1) {
            backoff.succeeded()
          } else {
            backoff.failed()
          }
        }
      } catch {
        backoff.failed()
      }
      if case .list = reflection.step {
        var generator = SystemRandomNumberGenerator()
        try? await Task.sleep(for: backoff.pause(using: &generator))
      }
    }
  }

  private func watch(
    _ path: String, _ selector: [(name: String, value: String)], from version: String,
    _ take: @escaping @Sendable (CollectionChange) -> Void
  ) async throws(APIServerError) {
    // Each at another time, and none for ever: a connection that was forgotten tells nothing.
    let seconds = Int.random(in: 60...90)
    let request = APIRequest(
      "GET", path,
      query: selector + [
        ("watch", "true"), ("resourceVersion", version), ("timeoutSeconds", "\(seconds)"),
      ])
    try await self.watch(request, within: .seconds(seconds + 5)) { line throws(APIServerError) in
      switch Reflection.line(line) {
      case .change(let change): take(change)
      case .bookmark: break
      case .lost(let status, let message):
        throw .refused(request: "GET \(path)", status: status, reason: nil, message: message)
      }
    }
  }
}
