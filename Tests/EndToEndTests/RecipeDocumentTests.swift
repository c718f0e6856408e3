import Foundation
import TestSupport
import Testing

extension EndToEnd {
  /// Types `docs/recipe.md`.
  @Suite(.whereMachinesAre, .timeLimit(.minutes(15))) struct RecipeDocumentTests {
    @Test func everyCommandOfThePageAnswersAsThePageSays() async throws {
      let page = try Project.text("docs/recipe.md")
      let steps = RecipePage.steps(page)
      let first = try #require(steps.first)
      #expect(steps.count > 30)
      #expect(first.command.contains("zweimaster up"))
      try await MachineRoom.with { room in
        try await room.during(first.shellLine) { text in
          try await eventually(
            "for '\(first.command)' to print what the page says", within: .seconds(300)
          ) {
            first.matches(text())
          }
          var environment: [String: String] = [:]
          for step in steps.dropFirst() {
            if let (name, value) = step.export {
              environment[name] = value
            } else {
              try await Self.type(step, in: room, environment)
            }
          }
        }
      }
    }

    /// A command that only looks is repeated until it prints what the page has; one that changes something is typed
    /// once.
    private static func type(
      _ step: RecipePage.Step, in room: MachineRoom, _ environment: [String: String]
    ) async throws {
      let end = ContinuousClock.now + .seconds(240)
      while true {
        let answer =
          step.host == "box"
          ? try await room.run(step.shellLine, environment: environment)
          : try await room.run(step.shellLine, on: step.host)
        if step.matches(answer.text) { return }
        guard step.onlyLooks, ContinuousClock.now < end else {
          throw UnlikeThePage(step: step, printed: answer.text)
        }
        try await Task.sleep(for: .milliseconds(500))
      }
    }

    private struct UnlikeThePage: Error, CustomStringConvertible {
      var step: RecipePage.Step
      var printed: String

      var description: String {
        """
        \(self.step.host): \(self.step.command)
        prints
        \(self.printed)
        but the page says
        \(self.step.output.joined(separator: "\n"))
        """
      }
    }
  }
}

/// The commands of a page, with their output.
enum RecipePage {
  struct Step: Equatable, Sendable {
    /// The host it is typed on: `box`, or a machine.
    var host: String
    var command: String
    /// Lines; `...` stands for any.
    var output: [String]

    /// Without sudo, since the test is root.
    var shellLine: String {
      self.command.hasPrefix("sudo ") ? String(self.command.dropFirst(5)) : self.command
    }

    /// The variable that it exports; `nil` for another command.
    var export: (name: String, value: String)? {
      guard let match = self.command.wholeMatch(of: /export (\w+)=(\S+)/) else { return nil }
      return (String(match.1), String(match.2))
    }

    /// Whether it may be repeated.
    var onlyLooks: Bool {
      ["kubectl get", "kubectl logs", "curl -s http", "zweimaster leaders", " status"].contains {
        self.command.contains($0)
      }
    }

    func matches(_ text: String) -> Bool {
      RecipePage.matches(RecipePage.lines(text)[...], self.output.map(RecipePage.normal)[...])
    }
  }

  /// The console blocks, prompt by prompt.
  static func steps(_ page: String) -> [Step] {
    var steps: [Step] = []
    var isInside = false
    for line in page.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("```") {
        isInside = line == "```console"
      } else if isInside, let match = line.wholeMatch(of: /(box|kube-\w+)[$#] (.+)/) {
        steps.append(Step(host: String(match.1), command: String(match.2), output: []))
      } else if isInside, !steps.isEmpty {
        steps[steps.count - 1].output.append(String(line))
      }
    }
    return steps
  }

  static func lines(_ text: String) -> [String] {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    if lines.last == "" { lines.removeLast() }
    return lines.map(Self.normal)
  }

  /// A line without what differs from run to run.
  static func normal(_ line: String) -> String {
    var line = line
    line.replace(/^[IWE]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ (\w+\.swift):\d+\]/) { "\($0.1)]" }
    line.replace(/\(pid \d+\)/, with: "(pid PID)")
    line.replace(#/ \d+[smh](\d+s)?(?= |$)/#, with: " AGE")
    line.replace(/"(expiration)":"[^"]*"|"(ttl|modifiedIndex|createdIndex)":\d+/) {
      "\"\($0.1 ?? $0.2 ?? "")\":…"
    }
    line.replace(#/ {2,}/#, with: "  ")
    while line.last == " " { line.removeLast() }
    return line
  }

  private static func matches(_ lines: ArraySlice<String>, _ pattern: ArraySlice<String>) -> Bool {
    guard let first = pattern.first else { return lines.isEmpty }
    if first == "..." {
      let rest = pattern.dropFirst()
      return (lines.startIndex...lines.endIndex).contains { Self.matches(lines[$0...], rest) }
    }
    return lines.first == first && Self.matches(lines.dropFirst(), pattern.dropFirst())
  }
}

@Suite struct RecipePageTests {
  @Test func aPageIsStepsWithTheirOutput() {
    let steps = RecipePage.steps(
      """
      words
      ```console
      box$ sudo a b
      one

      two
      kube-master1# c
      ```
      ```sh
      box$ not this
      ```
      """)
    #expect(
      steps == [
        .init(host: "box", command: "sudo a b", output: ["one", "", "two"]),
        .init(host: "kube-master1", command: "c", output: []),
      ])
    #expect(steps.first?.shellLine == "a b")
  }

  @Test(arguments: [
    (["one", "..."], "one\ntwo\nthree\n", true), (["..."], "", true),
    (["one"], "one\ntwo\n", false),
    (["...", "three"], "one\ntwo\nthree\n", true), (["...", "four"], "one\ntwo\nthree\n", false),
    (["a  1/1  Running  0  3s"], "a      1/1     Running   0      2m30s\n", true),
    (["a  1/1  Running  0  3s"], "a      0/1     Running   0      2m30s\n", false),
    (
      ["I0211 15:13:46.857372       1 A.swift:142] b"], "I1128 00:29:41.163309  21 A.swift:1] b\n",
      true
    ),
    (["kube-apiserver (pid 1) is running..."], "kube-apiserver (pid 22) is running...\n", true),
  ])
  func linesAreComparedWithoutTimes(expected: [String], actual: String, isSame: Bool) {
    let step = RecipePage.Step(host: "box", command: "c", output: expected)
    #expect(step.matches(actual) == isSame)
  }
}
