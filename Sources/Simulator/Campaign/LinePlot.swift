/// A line chart as SVG.
public struct LinePlot: Sendable {
  public struct Line: Sendable {
    public var name: String
    /// From left to right.
    public var points: [(x: Double, y: Double)]

    public init(_ name: String, _ points: [(x: Double, y: Double)]) {
      self.name = name
      self.points = points
    }
  }

  public var title: String
  public var x: String
  public var y: String
  public var lines: [Line]

  public init(_ title: String, x: String, y: String, lines: [Line]) {
    self.title = title
    self.x = x
    self.y = y
    self.lines = lines
  }

  private static let colours = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e"]
  private static let (left, top, width, height) = (70.0, 50.0, 640.0, 300.0)

  public var svg: String {
    let points = self.lines.flatMap(\.points)
    let (xs, ys) = (Self.ticks(points.map(\.x)), Self.ticks(points.map(\.y)))
    func place(_ value: Double, _ ticks: [Double], _ from: Double, _ length: Double) -> Double {
      let (low, high) = (ticks.first ?? 0, ticks.last ?? 1)
      return from + (value - low) / (high - low) * length
    }
    func left(_ x: Double) -> Double { place(x, xs, Self.left, Self.width) }
    func top(_ y: Double) -> Double { place(y, ys, Self.top + Self.height, -Self.height) }
    let (right, bottom) = (Self.left + Self.width, Self.top + Self.height)
    var picture = SVG(width: 760, height: 430 + 18 * self.lines.count, fontSize: 12)
    picture.add("text", ["x": Self.left, "y": 18, "font-size": 14], self.title)
    for tick in ys {
      let y = Self.text(top(tick))
      picture.add("line", ["x1": Self.left, "x2": right, "y1": y, "y2": y, "stroke": "#ddd"])
      picture.add(
        "text", ["x": Self.left - 6, "y": Self.text(top(tick) + 4), "text-anchor": "end"],
        Self.text(tick))
    }
    for tick in xs {
      picture.add(
        "text", ["x": Self.text(left(tick)), "y": bottom + 18, "text-anchor": "middle"],
        Self.text(tick))
    }
    picture.add("text", ["x": Self.left, "y": bottom + 38], self.x)
    picture.add("text", ["x": 6, "y": Self.top - 14], self.y)
    for (index, line) in self.lines.enumerated() {
      let colour = Self.colours[index % Self.colours.count]
      let path = line.points.map { "\(Self.text(left($0.x))),\(Self.text(top($0.y)))" }
      picture.add(
        "polyline",
        [
          "points": path.joined(separator: " "), "fill": "none", "stroke": colour,
          "stroke-width": 1.5,
        ])
      let row = bottom + 58 + Double(18 * index)
      picture.add(
        "line",
        [
          "x1": Self.left, "x2": Self.left + 24, "y1": row - 4, "y2": row - 4, "stroke": colour,
          "stroke-width": 3,
        ])
      picture.add("text", ["x": Self.left + 32, "y": row], line.name)
    }
    return picture.text
  }

  /// Up to eleven round numbers, from zero to the largest value or beyond.
  private static func ticks(_ values: [Double]) -> [Double] {
    let largest = max(values.max() ?? 1, 1e-6)
    var step = 1e-7
    var factors = [2, 2.5, 2].makeIterator()
    while step * 10 < largest {
      guard let factor = factors.next() else {
        factors = [2, 2.5, 2].makeIterator()
        continue
      }
      step *= factor
    }
    let count = Int((largest / step).rounded(.up))
    return (0...max(1, count)).map { Double($0) * step }
  }

  private static func text(_ number: Double) -> String {
    let hundredths = Int((number * 100).rounded())
    if hundredths % 100 == 0 { return "\(hundredths / 100)" }
    return "\(Double(hundredths) / 100)"
  }
}

/// A picture, element by element.
struct SVG {
  private var parts: [String]

  init(width: Int, height: Int, fontSize: Int) {
    self.parts = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(width)\" height=\"\(height)\" "
        + "font-family=\"sans-serif\" font-size=\"\(fontSize)\">"
    ]
    self.add("rect", ["width": "100%", "height": "100%", "fill": "white"])
  }

  mutating func add(
    _ element: String, _ attributes: KeyValuePairs<String, any CustomStringConvertible>,
    _ content: String? = nil
  ) {
    let attributes = attributes.map { " \($0)=\"\($1)\"" }.joined()
    let end = content.map { ">\($0)</\(element)>" } ?? "/>"
    self.parts.append("<\(element)\(attributes)\(end)")
  }

  var text: String { (self.parts + ["</svg>", ""]).joined(separator: "\n") }
}
