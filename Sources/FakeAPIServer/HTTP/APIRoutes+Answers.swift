import Hummingbird
import KubernetesObjects
import NIOCore

extension APIRoutes {
  static func one(_ object: JSONValue, _ call: Call, code: Int = 200) -> Response {
    if call.place.subresource == "scale" { return Self.json(Scale.of(object), code: code) }
    guard case .table = call.form else { return Self.json(object, code: code) }
    return Self.json(call.table([object], resourceVersion: object.metadata.resourceVersion))
  }

  /// A list, from the objects' cached texts.
  static func list(
    _ objects: [ShownObject], of resource: APIResource, _ metadata: JSONValue
  ) -> Response {
    let around: JSONValue = [
      "kind": .string("\(resource.kind)List"), "apiVersion": .string(resource.apiVersion),
      "metadata": metadata,
    ]
    let length = objects.reduce(0) { $0 + $1.json.count + 1 }
    var body = ByteBuffer()
    body.reserveCapacity(length + 512)
    body.writeBytes(around.utf8.dropLast())
    body.writeString(",\"items\":[")
    for (position, object) in objects.enumerated() {
      if position > 0 { body.writeString(",") }
      body.writeBytes(object.json)
    }
    body.writeString("]}\n")
    return Response(
      status: .ok, headers: [.contentType: "application/json"], body: .init(byteBuffer: body))
  }

  /// The Status of a deletion.
  static func success(_ object: JSONValue, _ resource: APIResource) -> JSONValue {
    var details: JSONValue = ["kind": .string(resource.name)]
    details["name"] = object["metadata"]?["name"]
    details["uid"] = object["metadata"]?["uid"]
    if !resource.group.isEmpty { details["group"] = .string(resource.group) }
    return [
      "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Success",
      "details": details,
    ]
  }

  static func json(_ value: JSONValue, code: Int = 200) -> Response {
    Self.bytes(value.utf8 + [UInt8(ascii: "\n")], type: "application/json", code: code)
  }

  static func bytes(_ bytes: [UInt8], type: String, code: Int = 200) -> Response {
    Response(
      status: .init(code: code), headers: [.contentType: type],
      body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
  }

  static func text(_ text: String, code: Int = 200) -> Response {
    Self.bytes(Array(text.utf8), type: "text/plain; charset=utf-8", code: code)
  }
}
