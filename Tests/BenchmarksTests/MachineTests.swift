import Foundation
import Linux
import Testing

@testable import Benchmarks

@Suite struct MachineTests {
  private static let mounts = """
    22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
    23 22 0:21 / /proc rw - proc proc rw
    24 22 0:22 / /srv rw shared:2 master:3 - tmpfs none rw
    25 22 0:23 / /srv/with\\040blank rw - xfs /dev/vdb rw
    26 22 0:24 / /srv rw - btrfs /dev/vdc rw
    """

  @Test(arguments: [
    ("/home/x", "ext4"), ("/", "ext4"), ("/procession", "ext4"), ("/proc/1", "proc"),
    ("/srv", "btrfs"), ("/srv/with blank/data", "xfs"),
  ])
  func `a path is on the file system that was mounted last above it`(path: String, type: String) {
    #expect(Machine.fileSystem(of: path, mounts: Self.mounts) == type)
  }

  @Test func `without mounts nothing is known`() {
    #expect(Machine.fileSystem(of: "/", mounts: "") == nil)
    #expect(Machine.fileSystem(of: "/", mounts: "1 2 3:4 / / rw -\nnonsense") == nil)
  }

  @Test func `a field is found by its whole name`() {
    let text = "processor\t: 0\nmodel\t\t: 1\nmodel name\t: Fast   CPU: 2 GHz\n"
    #expect(Machine.field("model name", in: text) == "Fast CPU: 2 GHz")
    #expect(Machine.field("name", in: text) == nil)
  }

  private static func stat(_ state: Character) throws -> ProcessStat {
    try #require(
      ProcessStat(
        line: "7 (a) b (c)) \(state) 1 7 7 0 -1 4194560 900 0 0 0 150 50 0 0 20 0 4 0 100 1000 200")
    )
  }

  @Test func `a process's figures survive a name with parentheses`() throws {
    let usage = try #require(
      ProcessUsage(
        stat: try Self.stat("S"), memory: "900 512 112 40 0 300 0\n", ticksPerSecond: 100,
        pageBytes: 4096))
    #expect(usage.cpuSeconds == 2)
    #expect(usage.residentBytes == 2 << 20)
    #expect(usage.anonymousBytes == 400 * 4096)
  }

  @Test(arguments: [("Z", "900 512 112 40 0 300 0"), ("S", ""), ("S", "900 512")])
  func `a process that has ended has no figures`(state: Character, memory: String) throws {
    #expect(
      ProcessUsage(
        stat: try Self.stat(state), memory: memory, ticksPerSecond: 100, pageBytes: 4096) == nil)
  }

  @Test func `this process and this machine have figures`() throws {
    let usage = try #require(ProcessUsage(pid: ProcessInfo.processInfo.processIdentifier))
    #expect(usage.residentBytes > 1 << 20 && usage.anonymousBytes < usage.residentBytes)
    #expect(usage.processor(since: usage, over: .seconds(1)) == 0)
    let machine = Machine.current(directory: "/")
    #expect(machine.kernel != "unknown")
    #expect(machine.fileSystem != "unknown")
  }
}
