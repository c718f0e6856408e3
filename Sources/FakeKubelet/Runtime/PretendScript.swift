import KubernetesObjects

/// The pretended behaviour of pods in a file of its own, instead of in their annotations.
///
/// YAML or JSON: by the pod's name in its manifest, the annotations without their prefix. A setting here
/// overrides the annotation of the same name.
///
/// ```yaml
/// kube-scheduler:
///   exit-after: 1m
///   exit-code.kube-scheduler: "1"
/// ```
public struct PretendScript: Equatable, Sendable {
  private let pods: [String: [String: String]]

  /// Why a file cannot be read: the line or the field.
  public struct Unreadable: Error, Equatable, CustomStringConvertible {
    public let description: String
  }

  /// - Parameters:
  ///   - bytes: the file's content.
  ///   - path: the file's path, for messages.
  public init(decoding bytes: [UInt8], path: String) throws(Unreadable) {
    let document: JSONValue
    do throws(ManifestText.Unreadable) {
      document = try ManifestText.value(of: bytes)
    } catch {
      throw Unreadable(description: "\(path): \(error.reason)")
    }
    guard case .object(let members) = document else {
      throw Unreadable(description: "\(path): it must be a map of pods, not a \(document.kind)")
    }
    var pods: [String: [String: String]] = [:]
    for (pod, settings) in members.sorted(by: { $0.key < $1.key }) {
      guard case .object(let settings) = settings else {
        throw Unreadable(
          description: "\(path): \(pod): it must be a map of settings, not a \(settings.kind)")
      }
      for (name, value) in settings.sorted(by: { $0.key < $1.key }) {
        let text = value.string ?? value.integer.map { "\($0)" } ?? ""
        if let problem = PretendBehaviour.problem(of: name, text) {
          throw Unreadable(description: "\(path): \(pod).\(name): \(problem)")
        }
        pods[pod, default: [:]][name] = text
      }
    }
    self.pods = pods
  }

  /// The behaviour of a container.
  func behaviour(of container: String, in pod: PodManifest) -> PretendBehaviour {
    let suffix = "-\(pod.spec["nodeName"]?.string ?? "")"
    let name = pod.name.name
    let ownName = name.hasSuffix(suffix) ? String(name.dropLast(suffix.count)) : name
    guard let settings = self.pods[ownName] else { return pod.pretendBehaviour(of: container) }
    var annotations = pod.metadata["annotations"] ?? [:]
    for (name, value) in settings { annotations[PretendBehaviour.prefix + name] = .string(value) }
    // Names and values were checked; settings for unknown containers are ignored.
    var problems: [FieldProblem] = []
    return PretendBehaviour.ofContainers(
      pod.initContainers + pod.containers, annotations: annotations, problems: &problems
    )[container] ?? PretendBehaviour()
  }
}
