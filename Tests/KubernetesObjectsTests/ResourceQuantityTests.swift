import Testing

@testable import KubernetesObjects

@Suite struct ResourceQuantityTests {
  /// Source: `apimachinery/pkg/api/resource/quantity_test.go`.
  @Test(arguments: [
    ("0", "0"), ("0Mi", "0"), ("0.5", "500m"), ("100m", "100m"), ("1500m", "1500m"),
    ("1.5", "1500m"),
    ("1000m", "1"), ("-1", "-1"), ("-0.5", "-500m"), ("1000", "1k"), ("1024", "1024"),
    ("1024Ki", "1Mi"), ("1Gi", "1Gi"), ("1.5Gi", "1536Mi"), ("0.5Ki", "512"), ("100Ki", "100Ki"),
    ("1e3", "1e3"), ("1e9", "1e9"), ("12e6", "12e6"), ("1e2", "100"), ("0.001k", "1"),
    ("10n", "10n"), ("0.1n", "1n"), ("1u", "1u"), ("5E", "5E"), ("1Ei", "1Ei"), ("100M", "100M"),
    ("12345678901234567890", "12345678901234567890"), ("+3", "+3"), ("0.0001Ki", "102400u"),
  ])
  func itIsShownCanonically(_ written: String, _ shown: String) throws {
    #expect(try ResourceQuantity(written).description == shown)
  }

  @Test func ordersAreThoseOfAmounts() throws {
    let ascending = [
      "-1Ki", "-1", "0", "1n", "100m", "0.5", "1", "999", "1k", "1Ki", "1M", "1Mi", "1E",
    ]
    for (index, text) in ascending.enumerated() {
      let quantity = try ResourceQuantity(text)
      #expect(quantity.sign == (index - 2).signum(), "\(text)")
      for (other, otherText) in ascending.enumerated() {
        let right = try ResourceQuantity(otherText)
        #expect(quantity.isLess(than: right) == (index < other), "\(text) < \(otherText)")
        #expect(quantity.isEqual(to: right) == (index == other), "\(text) = \(otherText)")
      }
    }
    #expect(try ResourceQuantity("1000m").isEqual(to: ResourceQuantity("1")))
  }

  @Test func multiplesAreWhole() throws {
    let page = try ResourceQuantity("2Mi")
    #expect(try ResourceQuantity("4Mi").isMultiple(of: page))
    #expect(try !ResourceQuantity("3Mi").isMultiple(of: page))
    #expect(try !ResourceQuantity("500m").isMultiple(of: page))
    #expect(try ResourceQuantity("2").isWhole && !ResourceQuantity("500m").isWhole)
  }
}
