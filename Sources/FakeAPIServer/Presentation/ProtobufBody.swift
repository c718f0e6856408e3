import KubernetesObjects

/// Reads objects in the binary form in which kubectl 1.32 and newer send objects of their own making.
///
/// Source: `k8s.io/apimachinery/pkg/runtime/serializer/protobuf`; the field numbers are those of
/// `k8s.io/apimachinery/pkg/apis/meta/v1/generated.proto` and `k8s.io/api/core/v1/generated.proto`.
enum ProtobufBody {
  static let mediaType = "application/vnd.kubernetes.protobuf"

  /// The prefix of each message.
  private static let magic: [UInt8] = [0x6b, 0x38, 0x73, 0]

  /// The object of a request's body; `nil` for an unreadable message and for any other kind than those that
  /// `kubectl create` and `kubectl drain` make themselves: Namespace, Eviction and DeleteOptions.
  static func object(_ body: [UInt8]) -> JSONValue? {
    guard body.starts(with: Self.magic),
      let envelope = ProtobufMessage(body.dropFirst(Self.magic.count)),
      let type = envelope.message(1), let version = type.text(1), let kind = type.text(2)
    else { return nil }
    // An object without any field is an absent message.
    let raw = envelope.message(2) ?? ProtobufMessage()
    switch (version, kind) {
    case ("v1", "Namespace"): return Self.namespace(raw)
    case ("policy/v1", "Eviction"):
      guard
        var eviction = Self.metadata(raw.message(1) ?? ProtobufMessage()).map({
          ["kind": "Eviction", "apiVersion": "policy/v1", "metadata": $0] as JSONValue
        })
      else { return nil }
      eviction["deleteOptions"] = raw.message(2).map(Self.deleteOptions)
      return eviction
    case (_, "DeleteOptions"): return Self.deleteOptions(raw)
    default: return nil
    }
  }

  private static func deleteOptions(_ raw: ProtobufMessage) -> JSONValue {
    var options: JSONValue = ["kind": "DeleteOptions", "apiVersion": "v1"]
    // A negative number has ten bytes.
    options["gracePeriodSeconds"] = raw.varint(1).map { .integer(Int64(bitPattern: $0)) }
    if let preconditions = raw.message(2) {
      var members: JSONValue = [:]
      members["uid"] = preconditions.text(1).map { .string($0) }
      members["resourceVersion"] = preconditions.text(2).map { .string($0) }
      options["preconditions"] = members
    }
    options["orphanDependents"] = raw.varint(3).map { .boolean($0 != 0) }
    options["propagationPolicy"] = raw.text(4).map { .string($0) }
    let dryRun = raw.texts(5)
    if !dryRun.isEmpty { options["dryRun"] = .strings(dryRun) }
    return options
  }

  private static func namespace(_ raw: ProtobufMessage) -> JSONValue? {
    var namespace: JSONValue = ["kind": "Namespace", "apiVersion": "v1"]
    guard let metadata = Self.metadata(raw.message(1) ?? ProtobufMessage()) else { return nil }
    namespace["metadata"] = metadata
    if let finalizers = raw.message(2)?.texts(1), !finalizers.isEmpty {
      namespace["spec"] = ["finalizers": .strings(finalizers)]
    }
    if let phase = raw.message(3)?.text(1) { namespace["status"] = ["phase": .string(phase)] }
    return namespace
  }

  /// The fields of an ObjectMeta that a client may set.
  private static func metadata(_ message: ProtobufMessage) -> JSONValue? {
    var metadata: JSONValue = [:]
    let texts: [(UInt64, String)] = [
      (1, "name"), (2, "generateName"), (3, "namespace"), (5, "uid"), (6, "resourceVersion"),
    ]
    for (number, name) in texts {
      metadata[name] = message.text(number).map { .string($0) }
    }
    for (number, name): (UInt64, String) in [(11, "labels"), (12, "annotations")] {
      var members: [String: JSONValue] = [:]
      for bytes in message.all(number) {
        guard let entry = ProtobufMessage(bytes), let key = entry.text(1) else { return nil }
        members[key] = .string(entry.text(2) ?? "")
      }
      if !members.isEmpty { metadata[name] = .object(members) }
    }
    let finalizers = message.texts(14)
    if !finalizers.isEmpty { metadata["finalizers"] = .strings(finalizers) }
    return metadata
  }
}

extension ProtobufMessage {
  /// A message in a field of this one.
  fileprivate func message(_ number: UInt64) -> Self? { self.bytes(number).flatMap { Self($0) } }

  fileprivate func texts(_ number: UInt64) -> [String] {
    self.all(number).map { String(decoding: $0, as: UTF8.self) }
  }

  /// A text that is not empty: these messages encode a missing text as an empty one.
  fileprivate func text(_ number: UInt64) -> String? {
    self.texts(number).last.flatMap { $0.isEmpty ? nil : $0 }
  }
}
