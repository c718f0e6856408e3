import AsyncHTTPClient
import ContainerShim
import Foundation
import TestSupport
import Testing

@testable import FakeKubelet

/// The files of containers' logs: rotated, read from their end, followed, and gone with their pod.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct ContainerLogTests {
  private static func line(_ number: Int, _ tag: String = "F") -> [UInt8] {
    Array("2016-10-06T00:00:00.000000000Z stdout \(tag) line \(number)\n".utf8)
  }

  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  @Test func aFullFileBecomesAnOlderOneAndTheOldestGoes() async throws {
    try await withDirectory { directory in
      let path = directory.appending(path: "0.log").path
      let size = Self.line(10).count
      // Three lines in a file.
      var log = try #require(RotatingLog(path, limit: 3 * size))
      for number in 10..<30 { log.append(Self.line(number)) }
      log.close()
      let names = try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
      #expect(names == ["0.log", "0.log.1", "0.log.2", "0.log.3", "0.log.4"])
      func lines(_ name: String) throws -> [String] {
        try String(contentsOf: directory.appending(path: name), encoding: .utf8)
          .split(separator: "\n").map { String($0.suffix(7)) }
      }
      #expect(try lines("0.log") == ["line 28", "line 29"])
      #expect(try lines("0.log.4") == ["line 16", "line 17", "line 18"])
      // A shim that begins anew goes on with its size.
      var again = try #require(RotatingLog(path, limit: 3 * size))
      again.append(Self.line(30))
      again.append(Self.line(31))
      again.close()
      #expect(try lines("0.log") == ["line 31"])
    }
  }

  @Test func aReaderLosesNothingWhileTheFilesAreRotated() async throws {
    try await withDirectory { directory in
      let path = directory.appending(path: "0.log").path
      let size = Self.line(100).count
      var log = try #require(RotatingLog(path, limit: 3 * size))
      let reader = ContainerLogReader("0.log", in: directory.path)
      #expect(reader.next() == [])
      var seen: [UInt8] = []
      for number in 100..<200 {
        log.append(Self.line(number))
        // Now and then up to three files behind.
        guard number % 8 == 0 else { continue }
        while case let bytes = reader.next(), !bytes.isEmpty { seen += bytes }
      }
      while case let bytes = reader.next(), !bytes.isEmpty { seen += bytes }
      log.close()
      #expect(Self.text(seen) == Self.text((100..<200).flatMap { Self.line($0) }))
    }
  }

  @Test(arguments: [0, 1, 3, 2_000, 5_000, 100_000])
  func theLastLinesAreReadFromTheEnd(count: Int) async throws {
    try await withDirectory { directory in
      let all = (0..<5_000).flatMap { number in
        // A line may come in parts.
        (number % 3 == 0 ? Self.line(number, "P") : []) + Self.line(number)
      }
      try Data(all).write(to: directory.appending(path: "0.log"))
      let reader = ContainerLogReader("0.log", in: directory.path)
      var options = ContainerLogOptions()
      options.tailLines = count
      let read = reader.tail(count)
      if count < 1_000 { #expect(read.count <= ContainerLogReader.piece) }
      var (short, long) = (ContainerLogFilter(options), ContainerLogFilter(options))
      #expect(Self.text(short.begin(read)) == Self.text(long.begin(all)))
      #expect(reader.next() == [])
    }
  }

  @Test func aFileIsClosedWhenItsReaderHasGone() async throws {
    try await withDirectory { logs in
      try await FakeKubeletTests().withNode({ $0.podLogsDirectory = logs.path }) { node in
        try await node.run(Fixtures.pod(uid: "u1"))
        let directory = logs.appending(path: "default_web-kube-master1_u1/main")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let file = directory.appending(path: "0.log")
        try Data(Self.line(1)).write(to: file)
        func readers() -> Int {
          HostFiles.names(in: "/proc/self/fd").count {
            SymbolicLink.target(of: "/proc/self/fd/\($0)") == file.path
          }
        }
        let url =
          "\(node.addresses.main)/containerLogs/default/web-kube-master1/main?follow=true"
        try await withThrowingTaskGroup(of: Void.self) { group in
          for _ in 0..<5 {
            group.addTask {
              let answer = try await HTTPClient.shared.execute(
                HTTPClientRequest(url: url), timeout: .seconds(60))
              for try await _ in answer.body {}
            }
          }
          try await eventually("five read it") { readers() == 5 }
          group.cancelAll()
          try? await group.waitForAll()
        }
        // The container still runs, and writes nothing.
        try await eventually("none reads it") { readers() == 0 }
      }
    }
  }

  @Test func twoRunsOfAContainerAreKept() {
    let file = ContainerLogFile(
      pod: PodName(namespace: "n", name: "p"), uid: "u", container: "c", attempt: 3)
    let names = ["0.log", "1.log", "1.log.4", "2.log", "2.log.1", "3.log", "10.log", "x", "x.log"]
    #expect(names.filter(file.isOutdated) == ["0.log", "1.log", "1.log.4"])
    #expect(ContainerLogFile.uid(ofDirectory: "ns_a.b_u_1") == "u_1")
    #expect(ContainerLogFile.uid(ofDirectory: "lost+found") == nil)
  }
}
