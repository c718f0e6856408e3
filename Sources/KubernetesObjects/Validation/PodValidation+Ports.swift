/// Ports of containers, on the host and by name.
extension PodValidation {
  mutating func check(ports: ObjectField) {
    var names: Set<String> = []
    for port in ports.elements {
      if !port["name"].text.isEmpty {
        if !NameRule.portName.problems(port["name"].text).isEmpty {
          self.check(port["name"], .portName)
        } else if !names.insert(port["name"].text).inserted {
          self.duplicate(port["name"])
        }
      }
      if port["containerPort"].number == 0 {
        self.required(port["containerPort"])
      } else {
        self.check(portNumber: port["containerPort"])
      }
      if port["hostPort"].number != 0 { self.check(portNumber: port["hostPort"]) }
      self.choose(port["protocol"], ["SCTP", "TCP", "UDP"])
    }
  }

  mutating func check(portNumber port: ObjectField) { self.check(port, in: 1...65535) }

  /// A port by number or by name.
  mutating func check(portNumberOrName port: ObjectField) {
    if case .string? = port.value {
      self.check(port, .portName)
    } else {
      self.check(portNumber: port)
    }
  }

  /// - Parameter others: the host's ports that are taken already.
  mutating func check(hostPortsOf container: ObjectField, others: inout Set<String>) {
    for port in container["ports"].elements where port["hostPort"].number != 0 {
      let number = port["hostPort"].number
      let address = "\(port["protocol"].text)/\(port["hostIP"].text)/\(number)"
      if !others.insert(address).inserted {
        self.duplicate(port["hostPort"], value: .string(address))
      }
    }
  }

  /// On the host's network a container's port is the host's.
  mutating func checkHostNetwork(of spec: ObjectField) {
    guard spec["hostNetwork"].isTrue else { return }
    for container in spec["containers"].elements {
      for port in container["ports"].elements
      where port["hostPort"].number != port["containerPort"].number {
        if self.rules.blamesHostPort {
          self.invalid(
            port["hostPort"], "must match `containerPort` when `hostNetwork` is true")
        } else {
          self.invalid(
            port["containerPort"], "must match `hostPort` when `hostNetwork` is true")
        }
      }
    }
  }
}
