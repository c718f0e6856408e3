extension Duration {
  /// Seconds with a fixed number of decimals: `2.41`.
  package func inSeconds(decimals: Int = 0) -> String {
    let scale = (0..<decimals).reduce(Int64(1)) { product, _ in product * 10 }
    let (seconds, attoseconds) = self.components
    let unit = 1_000_000_000_000_000_000 / scale
    let parts = seconds * scale + (attoseconds + unit / 2) / unit
    guard decimals > 0 else { return "\(parts)" }
    let fraction = String(parts % scale)
    return "\(parts / scale)."
      + String(repeating: "0", count: decimals - fraction.count) + fraction
  }
}

extension Double {
  /// The nearest number with that many decimals.
  package func rounded(_ decimals: Int) -> Double {
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    return (self * scale).rounded() / scale
  }
}
