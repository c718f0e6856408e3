import KubernetesObjects

/// The rules of `pods/log`.
enum PodLog {
  /// - Throws: 400 when there is no such container, or when the request must name one.
  static func container(of pod: JSONValue, wanted: String?) throws(APIFailure) -> String {
    let name = pod.metadata.name
    func names(_ field: String) -> [String] {
      (pod["spec"]?[field]?.elements ?? []).compactMap { $0["name"]?.string }
    }
    let (main, initial) = (names("containers"), names("initContainers"))
    if let wanted, !wanted.isEmpty {
      guard (main + initial).contains(wanted) else {
        throw .badRequest("container \(wanted) is not valid for pod \(name)")
      }
      return wanted
    }
    if main.count == 1, initial.isEmpty { return main[0] }
    let hint =
      initial.isEmpty ? "" : " or one of the init containers: [\(initial.joined(separator: " "))]"
    throw .badRequest(
      "a container name must be specified for pod \(name), choose one of: [\(main.joined(separator: " "))]\(hint)"
    )
  }

  /// - Throws: 400 when the container has never run.
  static func checkRuns(
    _ pod: JSONValue, _ container: String, isPrevious: Bool
  ) throws(APIFailure) {
    let statuses = ["containerStatuses", "initContainerStatuses"].flatMap {
      pod["status"]?[$0]?.elements ?? []
    }
    guard let status = statuses.first(where: { $0["name"]?.string == container }) else { return }
    let name = pod.metadata.name
    let hasRun = status["lastState"]?["terminated"] != nil
    if isPrevious, !hasRun {
      throw .badRequest(
        "previous terminated container \"\(container)\" in pod \"\(name)\" not found")
    }
    if let waiting = status["state"]?["waiting"], !hasRun {
      throw .badRequest(
        "container \"\(container)\" in pod \"\(name)\" is waiting to start: \(waiting["reason"]?.string ?? "")"
      )
    }
  }
}
