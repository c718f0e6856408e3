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
