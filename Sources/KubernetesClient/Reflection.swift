import HTTPEndpoint
import KubernetesObjects

/// Decides how a collection of the API server is followed, as a value: a list, then a watch from its
/// version on, then the next list.
///
/// Source: client-go, `tools/cache/reflector.go`. Unlike there, a list follows each watch, so that a lost
/// change is found within a minute and a half.
struct Reflection: Equatable, Sendable {
  /// The next request.
  enum Step: Equatable, Sendable {
    case list
    case watch(from: String)
  }

  /// A line of a watch.
  enum Line: Equatable, Sendable {
    case change(CollectionChange)
    /// No change up to here.
    case bookmark
    /// The watch cannot continue: the status code and message.
    case lost(status: Int, message: String)
  }

  private(set) var step = Step.list

  /// Records a list; the watch starts at its version.
  mutating func listed(_ list: JSONValue) -> CollectionChange {
    self.step = .watch(from: list["metadata"]?["resourceVersion"]?.string ?? "0")
    return .listed(list["items"]?.elements ?? [])
  }

  /// Reads a line of a watch.
  static func line(_ line: JSONValue) -> Line {
    let object = line["object"] ?? .null
    switch line["type"]?.string ?? "" {
    case "ADDED", "MODIFIED": return .change(.present(object))
    case "DELETED": return .change(.deleted(object))
    case "BOOKMARK": return .bookmark
    case let type:
      return .lost(
        status: object["code"]?.integer.map { Int($0) } ?? 500,
        message: object["message"]?.string ?? "unknown type of a watch event: \"\(type)\"")
    }
  }

  /// Records the end of a watch, whatever its reason.
  mutating func ended() { self.step = .list }
}

/// A change of a collection.
public enum CollectionChange: Equatable, Sendable {
  /// All objects; an object that is missing here is gone.
  case listed([JSONValue])
  /// An added or modified object.
  case present(JSONValue)
  /// A deleted object, in its last state.
  case deleted(JSONValue)
}

extension APIServers {
  /// Follows a collection until the task is cancelled: first all objects, then each change. Lost
  /// connections and servers do not end it.
  /// - Parameters:
  ///   - path: of the collection, `/api/v1/pods`.
  ///   - fieldSelector: selects some of the objects; `nil` for all.
  ///   - onChange: must return soon.
  public func follow(
    _ path: String, fieldSelector: String?,
    _ onChange: @escaping @Sendable (CollectionChange) -> Void
  ) async {
    let selector = fieldSelector.map { [(name: "fieldSelector", value: $0)] } ?? []
    var reflection = Reflection()
    var backoff = EndpointBackoff(first: .milliseconds(100), longest: .seconds(5))
    while !Task.isCancelled {
      do throws(APIServerError) {
        switch reflection.step {
        case .list:
          onChange(
            reflection.listed(try await self.send(APIRequest("GET", path, query: selector))))
        case .watch(let version):
          reflection.ended()
          let begun = ContinuousClock.now
          try await self.watch(path, selector, from: version, onChange)
          // A watch that ends at once counts as a failure.
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
    _ onChange: @escaping @Sendable (CollectionChange) -> Void
  ) async throws(APIServerError) {
    // A limited time, since a dead connection shows no error; a random one, to spread the lists.
    let seconds = Int.random(in: 60...90)
    let request = APIRequest(
      "GET", path,
      query: selector + [
        ("watch", "true"), ("resourceVersion", version), ("timeoutSeconds", "\(seconds)"),
      ])
    try await self.watch(request, within: .seconds(seconds + 5)) { line throws(APIServerError) in
      switch Reflection.line(line) {
      case .change(let change): onChange(change)
      case .bookmark: break
      case .lost(let status, let message):
        throw .refused(request: "GET \(path)", status: status, reason: nil, message: message)
      }
    }
  }
}
