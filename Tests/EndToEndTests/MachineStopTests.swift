import TestSupport
import Testing

extension EndToEnd {
  /// `zweimaster stop` of a machine of the recipe's room.
  @Suite(.whereMachinesAre, .timeLimit(.minutes(15))) struct MachineStopTests {
    @Test func aStopOfTheLeadingMachineIsAHandOver() async throws {
      try await MachineRoom.withMachines("--workers=0") { room in
        func leaders() async throws -> [String] {
          try await room.zweimaster("leaders").text.split(separator: "\n").dropFirst().prefix(2)
            .compactMap { line in
              let words = line.split(separator: " ")
              return words.count == 4 && words[1] == words[2] && words[1].hasPrefix("kube-")
                ? String(words[1]) : nil
            }
        }
        try await eventually("both keys have leaders", within: .seconds(120)) {
          try await leaders().count == 2
        }
        let first = try #require(try await leaders().first)
        let stop = ContinuousClock.now
        try await eventually("it is up, and stops", within: .seconds(120)) {
          let answer = try await room.zweimaster("stop \(first)").text
          return answer.contains("\(first) is down")
        }
        try await eventually("the other one leads with both", within: .seconds(120)) {
          let now = try await leaders()
          return now.count == 2 && !now.contains(first)
        }
        // The daemons' grace is 30 s; without a release, their leases run out after that.
        #expect(stop.duration(to: .now) < .seconds(50))
      }
    }
  }
}
