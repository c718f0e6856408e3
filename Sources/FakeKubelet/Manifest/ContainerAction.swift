import KubernetesObjects

/// The action of a hook or a probe, with the API's defaults.
public enum ContainerAction: Equatable, Sendable {
  /// Runs a command in the container.
  case exec([String])
  /// Sends an HTTP request.
  case httpGet(HTTPGet)
  /// Opens a connection; without a host to the pod's address.
  case tcpSocket(host: String?, port: Port)

  /// An HTTP request.
  public struct HTTPGet: Equatable, Sendable {
    /// `HTTP` or `HTTPS`.
    public let scheme: String
    /// `nil` for the pod's address.
    public let host: String?
    public let port: Port
    public let path: String
    public let headers: [Header]
  }

  /// A header of the request.
  public struct Header: Equatable, Sendable {
    public let name: String
    public let value: String
  }

  /// A port from the manifest.
  public enum Port: Equatable, Sendable {
    case number(Int)
    /// A name that no port of the container has.
    case unknown(String)
  }

  /// - Parameters:
  ///   - handler: the hook or probe; validated, so it has at most one kind of handler.
  ///   - container: has the named ports.
  init?(_ handler: JSONValue, container: JSONValue) {
    func host(_ value: JSONValue) -> String? {
      value["host"]?.string.flatMap { $0.isEmpty ? nil : $0 }
    }
    func port(_ value: JSONValue) -> Port {
      if let number = value["port"]?.integer { return .number(Int(number)) }
      let name = value["port"]?.string ?? ""
      if let number = Int(name) { return .number(number) }
      let known = container["ports"]?.elements.first { $0["name"]?.string == name }
      return known?["containerPort"]?.integer.map { .number(Int($0)) } ?? .unknown(name)
    }
    if let exec = handler["exec"] {
      self = .exec((exec["command"]?.elements ?? []).compactMap(\.string))
    } else if let get = handler["httpGet"] {
      let path = get["path"]?.string ?? "/"
      self = .httpGet(
        HTTPGet(
          scheme: get["scheme"]?.string ?? "HTTP", host: host(get), port: port(get),
          path: path.hasPrefix("/") ? path : "/" + path,
          headers: (get["httpHeaders"]?.elements ?? []).map {
            Header(name: $0["name"]?.string ?? "", value: $0["value"]?.string ?? "")
          }))
    } else if let socket = handler["tcpSocket"] {
      self = .tcpSocket(host: host(socket), port: port(socket))
    } else {
      return nil
    }
  }
}
