import Glibc
import KubernetesObjects

/// A container's request or limit as the text of a variable, as a value.
///
/// Source: `pkg/api/v1/resource/helpers.go` ExtractContainerResourceValue, MergeContainerResourceLimits.
enum ContainerResource {
  /// - Parameters:
  ///   - reference: a `resourceFieldRef`.
  ///   - container: the container of the reference.
  ///   - machine: has what a container without a limit may use.
  /// - Returns: `nil` for an unknown resource.
  static func text(
    _ reference: JSONValue, of container: JSONValue, machine: MachineFacts
  ) -> String? {
    let parts = (reference["resource"]?.string ?? "").split(separator: ".", maxSplits: 1)
    guard parts.count == 2, ["limits", "requests"].contains(parts[0]) else { return nil }
    let name = String(parts[1])
    // Of processors one counts thousandths.
    let unit: Double = name == "cpu" ? 1000 : 1
    func amount(_ value: JSONValue?) -> Double? {
      (value?.string).flatMap { try? ResourceQuantity($0) }.map {
        ($0.approximation * unit).rounded(.up)
      }
    }
    let divisor = amount(reference["divisor"]) ?? 0
    let given = amount(container["resources"]?[String(parts[0])]?[name])
    let most: Double =
      switch (parts[0], name) {
      case ("limits", "cpu"): Double(machine.cpus) * unit
      case ("limits", "memory"): Double(machine.memoryBytes)
      case ("limits", "ephemeral-storage"): Double(machine.diskBytes)
      default: 0
      }
    let result = ((given ?? most) / (divisor > 0 ? divisor : unit)).rounded(.up)
    return Int64(exactly: result).map { "\($0)" }
  }
}

extension ResourceQuantity {
  /// The amount, as exact as a floating-point number can be.
  var approximation: Double {
    switch self.amount {
    case .small(let value, let scale):
      scale < 0 ? Double(value) / pow(10, Double(-scale)) : Double(value) * pow(10, Double(scale))
    case .big(let magnitude, let places, let isNegative):
      (isNegative ? -1 : 1) * Double(magnitude) / pow(10, Double(places))
    }
  }
}
