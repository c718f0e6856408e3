/// Probes and hooks of containers.
extension PodValidation {
  mutating func check(hooksAndProbesOf container: ObjectField, grace: Int64) {
    for name in ["postStart", "preStop"] {
      guard let hook = container["lifecycle"][name].ifPresent else { continue }
      self.check(handlerOf: hook, ["exec", "httpGet", "tcpSocket", "sleep"], grace: grace)
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
      guard let probe = container[name].ifPresent else { continue }
      self.check(probe: probe, grace: grace)
      if name == "readinessProbe" {
        if let own = probe["terminationGracePeriodSeconds"].ifPresent {
          self.invalid(own, "must not be set for readinessProbes")
        }
      } else if probe["successThreshold"].number != 1 {
        self.invalid(probe["successThreshold"], "must be 1")
      }
    }
  }

  private mutating func check(probe: ObjectField, grace: Int64) {
    self.check(handlerOf: probe, ["exec", "httpGet", "tcpSocket", "grpc"], grace: grace)
    for name in [
      "initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold",
      "failureThreshold",
    ] {
      self.checkNotNegative(probe[name])
    }
    if let own = probe["terminationGracePeriodSeconds"].ifPresent, own.number <= 0 {
      self.invalid(own, "must be greater than 0")
    }
  }

  /// Exactly one kind of handler; of several, the first counts.
  private mutating func check(handlerOf field: ObjectField, _ kinds: [String], grace: Int64) {
    let handlers = kinds.filter { field[$0].isPresent }
    guard let kind = handlers.first else {
      return self.required(field, "must specify a handler type")
    }
    let handler = field[kind]
    switch kind {
    case "exec": self.require(["command"], of: handler)
    case "httpGet": self.check(httpGet: handler)
    case "sleep": self.check(sleep: handler, grace: grace)
    default: self.check(portNumberOrName: handler["port"])
    }
    for other in handlers.dropFirst() {
      self.forbidden(field[other], "may not specify more than 1 handler type")
    }
  }

  private mutating func check(httpGet: ObjectField) {
    self.require(["path"], of: httpGet)
    self.check(portNumberOrName: httpGet["port"])
    if !["HTTP", "HTTPS"].contains(httpGet["scheme"].text) {
      self.unsupported(httpGet["scheme"], ["HTTP", "HTTPS"])
    }
    for header in httpGet["httpHeaders"].elements {
      let name = header["name"]
      // The API names the whole list.
      self.check(ObjectField(name.value, at: httpGet["httpHeaders"].path), .httpHeader)
    }
  }

  private mutating func check(sleep: ObjectField, grace: Int64) {
    let seconds = sleep["seconds"].number
    if self.rules.allowsSleepOfZero {
      guard seconds < 0 || seconds > grace else { return }
      self.invalid(
        sleep, "must be non-negative and less than terminationGracePeriodSeconds (\(grace))",
        value: .integer(seconds))
    } else if seconds <= 0 || seconds > grace {
      self.invalid(
        sleep, "must be greater than 0 and less than terminationGracePeriodSeconds (\(grace))",
        value: .integer(seconds))
    }
  }
}
