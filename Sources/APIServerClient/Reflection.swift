import EtcdClient

/// How a collection of the API server is followed, as a value: a list, then a watch from there on, and a new
/// list when the watch has lost its place.
///
/// Source: client-go, `tools/cache/reflector.go`.
struct Reflection: Equatable, Sendable {
  /// What is to be asked for next.
  enum Step: Equatable, Sendable {
    case list
    case watch(from: String)
  }

  /// What a line of a watch says.
  enum Line: Equatable, Sendable {
    case change(CollectionChange)
    /// Nothing has changed up to here.
    case bookmark
    /// The place is lost: the status code and message.
    case lost(status: Int, message: String)
  }

  private(set) var step = Step.list

  /// Takes in a list.
  mutating func take(list: JSONValue) -> CollectionChange {
    self.step = .watch(from: list["metadata"]?["resourceVersion"]?.string ?? "0")
    return .listed(list["items"]?.elements ?? [])
  }

  /// Takes in a line of the watch.
  mutating func take(line: JSONValue) -> Line {
    let object = line["object"] ?? .null
    let type = line["type"]?.string ?? ""
    guard ["ADDED", "MODIFIED", "DELETED", "BOOKMARK"].contains(type) else {
      self.step = .list
      return .lost(
        status: object["code"]?.integer.map { Int($0) } ?? 500,
        message: object["message"]?.string ?? "a watch that says \"\(type)\"")
    }
    if let version = object["metadata"]?["resourceVersion"]?.string {
      self.step = .watch(from: version)
    }
    return switch type {
    case "BOOKMARK": .bookmark
    case "DELETED": .change(.deleted(object))
    default: .change(.present(object))
    }
  }

  /// The watch has been refused or broken off. One that has ended in an orderly way goes on from where it was.
  mutating func failed() { self.step = .list }
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
    let reflection = Guarded(Reflection())
    var backoff = Backoff(first: .milliseconds(100), longest: .seconds(5))
    while !Task.isCancelled {
      do throws(APIServerError) {
        switch reflection.value.step {
        case .list:
          let list = try await self.send(APIRequest("GET", path, query: selector))
          take(reflection.change { $0.take(list: list) })
          backoff.succeeded()
        case .watch(let version):
          // Each at another time, and none for ever: a connection that was forgotten tells nothing.
          let seconds = Int.random(in: 60...90)
          let request = APIRequest(
            "GET", path,
            query: selector + [
              ("watch", "true"), ("resourceVersion", version), ("allowWatchBookmarks", "true"),
              ("timeoutSeconds", "\(seconds)"),
            ])
          try await self.watch(request, within: .seconds(seconds + 5)) {
            line throws(APIServerError) in
            switch reflection.change({ $0.take(line: line) }) {
            case .change(let change): take(change)
            case .bookmark: break
            case .lost(let status, let message):
              throw .refused(
                request: "GET \(path)", status: status, reason: nil, message: message)
            }
          }
        }
      } catch {
        reflection.change { $0.failed() }
        backoff.failed()
        var generator = SystemRandomNumberGenerator()
        try? await Task.sleep(for: backoff.pause(using: &generator))
      }
    }
  }
}
