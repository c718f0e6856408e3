extension Timeline {
  /// The run as a picture: a lane for each part of the cluster, time from left to right, the lease above.
  public var svg: String {
    let lanes = self.lanes
    let end = max(self.spans.map(\.end).max() ?? 0, self.lines.last?.at ?? 0, 1)
    let (left, width, height) = (130, 1_000, 22)
    func x(_ at: Nanoseconds) -> Int { left + Int(at * Int64(width) / end) }
    var picture = SVG(
      width: left + width + 20, height: lanes.count * height + 60, fontSize: 11)
    for (row, lane) in lanes.enumerated() {
      let y = 10 + row * height
      let base = y + height - 2
      picture.add("text", ["x": 6, "y": y + 14], "\(lane)")
      picture.add(
        "line", ["x1": left, "x2": left + width, "y1": base, "y2": base, "stroke": "#ddd"])
      for span in self.spans where span.lane == lane {
        let length = max(2, x(span.end) - x(span.begin))
        picture.add(
          "rect",
          [
            "x": x(span.begin), "y": y, "width": length, "height": height - 4,
            "fill": Self.colour(span.kind), "fill-opacity": 0.8,
          ],
          "<title>\(span.label) \(Self.time(span.begin)) to \(Self.time(span.end))</title>")
        if length > 7 * span.label.count {
          picture.add("text", ["x": x(span.begin) + 3, "y": y + 13], span.label)
        }
      }
    }
    let bottom = 10 + lanes.count * height
    picture.add("text", ["x": 6, "y": bottom + 18], "etcd \(self.api)")
    for line in self.lines where line.lane == .verdict {
      let x = x(line.at)
      picture.add("line", ["x1": x, "x2": x, "y1": 5, "y2": bottom, "stroke": "red"])
    }
    for tick in 0...10 {
      let at = end * Int64(tick) / 10
      picture.add(
        "text", ["x": x(at), "y": bottom + 18, "text-anchor": "middle"],
        "\(at / 1_000_000_000) s")
    }
    return picture.text
  }

  private var lanes: [Lane] {
    let nodes = self.spans.compactMap { span -> Int? in
      switch span.lane {
      case .elector(let node), .guardian(let node), .directory(let node), .kubelet(let node),
        .pod(let node), .network(let node):
        node
      case .lease, .store, .fault, .verdict: nil
      }
    }
    return [.lease, .store]
      + (0...max(0, nodes.max() ?? 0)).flatMap { node -> [Lane] in
        [.elector(node), .guardian(node), .kubelet(node), .pod(node), .network(node)]
      }
  }

  private static func colour(_ kind: Span.Kind) -> String {
    switch kind {
    case .leads: "#8c8"
    case .manifest: "#fd8"
    case .runs: "#69c"
    case .stopped: "#bbb"
    case .down: "#d77"
    case .cut: "#f96"
    }
  }
}
