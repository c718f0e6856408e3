import AsyncHTTPClient
import Foundation
import Glibc
import SeededRandom
import Subprocess
import TestSupport
import Testing

@testable import FakeKubelet
@testable import KubernetesObjects

/// What is left when something of a container, or its kubelet, is killed at random.
extension ProcessRuntimeTests {
  /// A kubelet's report of its pods, and their actual processes.
  private struct Census {
    /// By pod: whether the container runs according to `/pods`.
    var said: [String: Bool] = [:]
    /// By pod: its shells.
    var shells: [String: Int] = [:]

    var isTrue: Bool {
      Set(self.said.keys).union(self.shells.keys).allSatisfy {
        self.shells[$0, default: 0] == (self.said[$0] == true ? 1 : 0)
      }
    }
  }

  private static func census(_ kubelet: String, _ place: Place) async throws -> Census {
    let response = try await HTTPClient.shared.execute(
      HTTPClientRequest(url: "\(kubelet)/pods"), timeout: .seconds(30))
    let body = try await response.body.collect(upTo: 1 << 22)
    let list = try JSONValue(parsing: Array(body.readableBytesView))
    var census = Census()
    for pod in list["items"]?.elements ?? [] {
      let name = (pod["metadata"]?["name"]?.string ?? "").replacingOccurrences(of: "-n1", with: "")
      let state = pod["status"]?["containerStatuses"]?.elements.first?["state"]
      census.said[name] = state?["running"] != nil
    }
    for line in place.processes where line.hasPrefix("/bin/sh ") {
      guard let mark = line.split(separator: " ").last(where: { $0.hasPrefix("mark=") }) else {
        continue
      }
      census.shells[String(mark.dropFirst(5)), default: 0] += 1
    }
    return census
  }

  /// `ZWEIMASTER_KILLS=200` runs all of it.
  @Test(arguments: [false, true])
  func afterRandomKillsNothingIsLeftThatNobodyOwns(leavesPodsRunning: Bool) async throws {
    let kills = ProcessInfo.processInfo.environment["ZWEIMASTER_KILLS"].flatMap { Int($0) } ?? 20
    try await Self.withPlace { place in
      var chance = SeededGenerator(seed: 1)
      let names = (0..<6).map { "p\($0)" }
      func install(_ name: String) throws {
        let text = Self.pod("sleep 1000 & wait", name: name).replacingOccurrences(
          of: "& wait\"]", with: "& wait\", \(place.directory.path), mark=\(name)]")
        try place.write("\(name).yaml", text)
      }
      for name in names.prefix(3) { try install(name) }
      var left = kills
      while left > 0 {
        // One run of a kubelet: SIGKILL ends it, and the last one shuts down.
        let budget = min(left, Int.random(in: 1...8, using: &chance))
        left -= budget
        let isLast = left == 0
        var steps: [(Int, Int)] = []
        for _ in 0..<budget {
          steps.append(
            (Int.random(in: 0..<4, using: &chance), Int.random(in: 0..<1000, using: &chance)))
        }
        let plan = steps
        let result = try await Subprocess.run(
          .path(.init(Self.shim)),
          arguments: place.arguments(leavesPodsRunning: leavesPodsRunning), input: .none,
          output: .sequence, error: .discarded
        ) { execution in
          var address = ""
          for try await line in execution.standardOutput.strings() {
            guard let start = line.range(of: "http://") else { continue }
            address = String(line[start.lowerBound...]).trimmingCharacters(in: .newlines)
            break
          }
          for (kind, number) in plan {
            let victims = HostFiles.names(in: "/proc").compactMap { Int32($0) }.filter {
              let line =
                HostFiles.text("/proc/\($0)/cmdline")?
                .replacingOccurrences(of: "\0", with: " ") ?? ""
              return line.contains(place.directory.path) && line.contains("mark=")
            }.sorted()
            let name = names[number % names.count]
            switch kind {
            // A container's shell, its bubblewrap, or its shim.
            case 0, 1: if !victims.isEmpty { kill(victims[number % victims.count], SIGKILL) }
            case 2:
              try? FileManager.default.removeItem(
                at: place.manifests.appending(path: "\(name).yaml"))
            default: try install(name)
            }
            try await Task.sleep(for: .milliseconds(number % 150))
          }
          guard isLast else {
            try execution.send(signal: .kill)
            return
          }
          var last = Census()
          do {
            try await eventually("/pods tells the truth", within: .seconds(60)) {
              last = try await Self.census(address, place)
              return last.isTrue
                && Set(last.said.keys)
                  == Set(HostFiles.names(in: place.manifests.path).map { String($0.dropLast(5)) })
            }
          } catch {
            Issue.record("\(error): \(last)")
          }
          if leavesPodsRunning {
            // Collects all of them, to be killed.
            for name in names {
              try? FileManager.default.removeItem(
                at: place.manifests.appending(path: "\(name).yaml"))
            }
            try await eventually("all pods have ended") {
              try await Self.census(address, place).shells.isEmpty && place.leftovers.isEmpty
            }
          }
          try execution.send(signal: .terminate)
        }
        #expect(result.terminationStatus == (isLast ? .exited(0) : .signaled(9)))
      }
      do {
        try await eventually("no process is left") { place.processes.isEmpty }
      } catch {
        Issue.record("\(error): \(place.processes)")
      }
      #expect(place.leftovers == [])
      #expect(place.mounts == [])
    }
  }
}
