import Glibc
import Testing

@testable import Linux

@Suite struct ProcessStatTests {
  @Test func `a process may be called anything`() throws {
    let fields = (5...21).map(String.init).joined(separator: " ")
    let stat = try #require(ProcessStat(line: "7 (a) S b)) T 1 \(fields) 4711 0 0\n"))
    #expect(stat.state == "T")
    #expect(stat.startTicks == 4711)
    #expect(ProcessStat(line: "7 (x) S 1") == nil)
  }

  @Test func eachFieldIsTheManuals() throws {
    let fields = (4...24).map(String.init).joined(separator: " ")
    let stat = try #require(ProcessStat(line: "7 (sh) S \(fields) 25\n"))
    #expect(stat.group == 5)
    #expect(stat.session == 6)
    #expect(stat.ownTicks == 14 + 15)
    #expect(stat.childrenTicks == 16 + 17)
    #expect(stat.startTicks == 22)
    #expect(stat.residentPages == 24)
    #expect(!stat.hasEnded)
  }

  @Test func aProcessIsFoundAndOneThatIsNotIsNot() throws {
    let own = try #require(ProcessStat(process: getpid()))
    #expect(own.session == getsid(0))
    #expect(own.residentPages > 0)
    #expect(ProcessStat(process: -1) == nil)
  }
}
